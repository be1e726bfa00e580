import { Component, type ReactNode } from "react";
import { Button } from "../ui/button.tsx";
import { Notice } from "../ui/show.tsx";
import type { ConnectionStatus } from "./gql.ts";
import type { Refusal } from "./session.ts";
import { Step } from "./step.tsx";
import { useOnline } from "./use-online.ts";
import { useWords } from "./words/use-words.ts";
import type { Words } from "./words/words.ts";

/** A link that opens nothing, and what to do next. */
export function Refused({ refusal }: { refusal: Refusal }) {
  const { link, page } = useWords();
  const { status, productName, returnUrl } = refusal;
  const told = status ? toldOf(status, link) : link.unknown;
  return (
    <Step title={told.title}>
      <p>{told.remedy}</p>
      {returnUrl && (
        <div className="row">
          <a className="button" data-variant="primary" href={returnUrl}>
            {page.back(productName ?? page.thisProduct)}
          </a>
        </div>
      )}
    </Step>
  );
}

function toldOf(status: ConnectionStatus, link: Words["link"]) {
  if (status === "ACTIVE") return link.active;
  if (status === "EXPIRED") return link.expired;
  return status === "CANCELED" ? link.canceled : link.over;
}

export function NoCookies({ onAgain }: { onAgain(): void }) {
  const { link, page } = useWords();
  return (
    <Step title={link.noCookies.title}>
      <p>{link.noCookies.remedy}</p>
      <div className="row">
        <Button variant="primary" onPress={onAgain}>
          {page.tryAgain}
        </Button>
      </div>
    </Step>
  );
}

/** Above everything while the network or the server is away. */
export function Connectivity({ isLost, live, waits }: { isLost: boolean; live: boolean; waits: boolean }) {
  const { page } = useWords();
  const online = useOnline();
  return (
    <div role="status" className="connectivity">
      {!online ? (
        <Notice tone="warn" title={page.offline}>
          {page.offlineRemedy}
        </Notice>
      ) : isLost ? (
        <Notice tone="warn" title={page.noAnswer} />
      ) : (
        !live && waits && <Notice tone="warn">{page.notLive}</Notice>
      )}
    </div>
  );
}

/** A mistake of ours must not leave a blank page. Drawn without anything that could fail again. */
export class Boundary extends Component<{ words: Words; children: ReactNode }, { failed: boolean }> {
  override state = { failed: false };

  static getDerivedStateFromError() {
    return { failed: true };
  }

  override render() {
    const { words, children } = this.props;
    if (!this.state.failed) return children;
    return (
      <Step title={words.link.crashed.title}>
        <p>{words.link.crashed.remedy}</p>
        <div className="row">
          <Button variant="primary" onPress={() => location.reload()}>
            {words.page.tryAgain}
          </Button>
        </div>
      </Step>
    );
  }
}
