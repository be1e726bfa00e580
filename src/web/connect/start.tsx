import { useState } from "react";
import { Button } from "../ui/button.tsx";
import { Notice } from "../ui/show.tsx";
import { CancelButton } from "./cancel-button.tsx";
import type { ConnectStateFragment } from "./gql.ts";
import { type ProviderWindow, prefersOneWindow } from "./provider-window.ts";
import { Step } from "./step.tsx";
import { Summary, useProduct } from "./summary.tsx";
import type { Request } from "./use-request.ts";
import { useWords } from "./words/use-words.ts";

export interface StartProps {
  request: Request;
  provider: ProviderWindow;
  /** The link that leads to the provider. */
  url: string;
  display: "REDIRECT" | "POPUP";
  onState(state: ConnectStateFragment): void;
}

/** Before the provider: what is about to be allowed, to whom, and the button that goes there. */
export function Start({ request, provider, url, display, onState }: StartProps) {
  const { start, waiting } = useWords();
  const product = useProduct();
  const [here] = useState(() => prefersOneWindow(display));
  const { name } = request.connector;
  const isAgain = request.kind === "REAUTHORIZE";
  // A blocked window was asked for in the click itself, so there is no other way to get one.
  const oneWindow = here || provider.isBlocked;
  return (
    <Step title={isAgain ? start.titleAgain(name) : start.title(name)}>
      <p>{isAgain ? start.asksAgain(product, name) : start.asks(product, name)}</p>
      <Summary request={request} />
      {request.status === "AUTHORIZING" && !provider.isBlocked && <Notice>{start.begun}</Notice>}
      {provider.isBlocked && <Notice tone="warn" live title={waiting.blocked} />}
      <p className="soft">{oneWindow ? start.inThisWindow(name) : start.inWindow(name)}</p>
      <div className="row actions">
        {oneWindow ? (
          <a className="button" data-variant="primary" href={url}>
            {start.goOn(name)}
          </a>
        ) : (
          <Button variant="primary" onPress={() => provider.open(url)}>
            {start.goOn(name)}
          </Button>
        )}
        <CancelButton id={request.id} label={start.refuse} onState={onState} />
      </div>
      <p className="soft small">{start.caution}</p>
    </Step>
  );
}
