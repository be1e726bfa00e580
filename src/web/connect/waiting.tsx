import { Button } from "../ui/button.tsx";
import { Notice } from "../ui/show.tsx";
import { CancelButton } from "./cancel-button.tsx";
import type { ConnectStateFragment } from "./gql.ts";
import type { ProviderWindow } from "./provider-window.ts";
import { Step } from "./step.tsx";
import { useProduct } from "./summary.tsx";
import type { Request } from "./use-request.ts";
import { useWords } from "./words/use-words.ts";

/** What is going on. Read out by the one region of `CurrentStep` that stays, as a new one often is not. */
export function Working({ label }: { label: string }) {
  return (
    <p className="row soft" aria-hidden="true">
      <span className="spinner" /> {label}
    </p>
  );
}

interface WaitingProps {
  request: Request;
  onState(state: ConnectStateFragment): void;
}

/** While the person is at the provider. That the window seems closed is a hint, never the end. */
export function InOtherWindow({ request, provider, url, onState }: WaitingProps & { provider: ProviderWindow; url: string }) {
  const { waiting } = useWords();
  return (
    <Step title={waiting.title}>
      <Working label={waiting.person(request.connector.name)} />
      <div role="status">{provider.seemsClosed && <Notice tone="warn">{waiting.perhapsClosed}</Notice>}</div>
      <div className="actions stack">
        <Button variant="primary" onPress={() => provider.open(url)}>
          {waiting.again}
        </Button>
        <a className="button" href={url}>
          {waiting.here}
        </a>
        <CancelButton id={request.id} label={waiting.cancel} onState={onState} />
      </div>
    </Step>
  );
}

/** The product is asked who is there, or the provider for the tokens. */
export function NearlyDone({ request, onState }: WaitingProps) {
  const { waiting } = useWords();
  const product = useProduct();
  const verifies = request.status === "VERIFYING";
  return (
    <Step title={verifies ? waiting.verifyingTitle : waiting.exchangingTitle}>
      <Working label={verifies ? waiting.verifying(product) : waiting.exchanging(request.connector.name)} />
      {verifies && (
        <div className="row actions">
          <CancelButton id={request.id} label={waiting.cancel} onState={onState} />
        </div>
      )}
    </Step>
  );
}

/** No person has anything to do (RFC 6749 section 4.4), or a device code is still being fetched. */
export function Automatic({ request }: { request: Request }) {
  const { page, waiting } = useWords();
  return (
    <Step title={page.moment}>
      <Working label={waiting.byItself(request.connector.name)} />
    </Step>
  );
}
