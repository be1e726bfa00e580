import { useEffect } from "react";
import { useAction } from "../api/use-action.ts";
import { Button } from "../ui/button.tsx";
import { Notice } from "../ui/show.tsx";
import { ConnectRetryDocument, type ConnectStateFragment } from "./gql.ts";
import { returnTo } from "./opener.ts";
import type { RequestPageProps } from "./request-page-props.ts";
import { Step } from "./step.tsx";
import { useProduct } from "./summary.tsx";
import type { Request } from "./use-request.ts";
import { useWords } from "./words/use-words.ts";
import type { Told, Words } from "./words/words.ts";

/** Long enough to read that it worked. */
const READ_MS = 2_500;

export interface EndedProps {
  request: Request;
  onRetried(state: ConnectStateFragment): void;
  page: RequestPageProps;
}

/** How it went, and what comes next. */
export function Ended(props: EndedProps) {
  return props.request.status === "ACTIVE" ? <Connected {...props} /> : <NotConnected {...props} />;
}

function Connected({ request, page: props }: EndedProps) {
  const { ended, page } = useWords();
  const product = useProduct();
  const { connector, credential, kind } = request;
  const account = accountOf(credential?.account);
  const back = backOf(request, props);
  const goes = back !== null && !props.onLeave;
  useEffect(() => {
    if (props.onLeave) return;
    const timer = setTimeout(() => (back ? location.replace(back) : window.opener && window.close()), READ_MS);
    return () => clearTimeout(timer);
  }, [back, props.onLeave]);
  return (
    <Step title={kind === "REAUTHORIZE" ? ended.connectedAgain(connector.name) : ended.connected(connector.name)}>
      <Notice tone="good">
        {account && <b>{ended.account(account)}</b>}
        {ended.usableBy(product)}
      </Notice>
      {goes ? <p>{ended.goingBack(product)}</p> : !props.onLeave && <p>{page.mayClose}</p>}
      <div className="row actions">
        <Onward back={back} onLeave={props.onLeave} primary />
      </div>
    </Step>
  );
}

function NotConnected({ request, onRetried, page: props }: EndedProps) {
  const words = useWords();
  const { ended } = words;
  const retry = useAction(ConnectRetryDocument);
  const told = toldOf(request, words);
  async function again(): Promise<void> {
    const outcome = await retry.run({ id: request.id });
    if (outcome.ok) onRetried(outcome.payload.connectionRequest);
  }
  const isFailure = request.status === "FAILED";
  return (
    <Step title={isFailure ? ended.failedTitle(request.connector.name) : told.title}>
      <Notice tone={isFailure ? "bad" : "warn"} title={isFailure ? told.title : undefined}>
        {told.remedy}
      </Notice>
      <Details request={request} />
      <div role="alert">
        {retry.problem && (
          <Notice tone="bad">{retry.problem.__typename === "NetworkProblem" ? words.page.noAnswer : ended.retryRefused}</Notice>
        )}
      </div>
      <div className="row actions">
        <Button variant="primary" onPress={() => void again()} isPending={retry.pending}>
          {ended.retry}
        </Button>
        <Onward back={backOf(request, props)} onLeave={props.onLeave} />
      </div>
    </Step>
  );
}

/** What support asks for. Whatever a provider wrote is shown as text. */
function Details({ request: { failure } }: { request: Request }) {
  const { ended } = useWords();
  if (!failure) return null;
  const answer = [failure.providerCode, failure.providerMessage].filter(Boolean).join(": ");
  return (
    <details className="small">
      <summary>{ended.details}</summary>
      <p lang="en">
        <code>{failure.code}</code> {failure.message}
      </p>
      {answer && (
        <p>
          {ended.theProviderSays}: <q>{answer}</q>
        </p>
      )}
    </details>
  );
}

/** Out of here, wherever that is. */
function Onward({ back, onLeave, primary }: { back: string | null; onLeave?: (() => void) | undefined; primary?: boolean }) {
  const { choice, page } = useWords();
  const product = useProduct();
  const variant = primary && !onLeave ? "primary" : "secondary";
  const goBack = back && (
    <a className="button" data-variant={variant} href={back}>
      {page.back(product)}
    </a>
  );
  if (onLeave)
    return (
      <>
        <Button variant={primary ? "primary" : "secondary"} onPress={onLeave}>
          {choice.toList}
        </Button>
        {goBack}
      </>
    );
  // Only a window that a script has opened may be closed by one.
  return goBack || (window.opener ? <Button onPress={() => window.close()}>{page.close}</Button> : null);
}

function toldOf({ status, failure, connector }: Request, { ended, failures }: Words): Told {
  if (status === "FAILED") return failures[failure?.code ?? "INTERNAL"];
  if (status === "DENIED") return ended.denied(connector.name);
  return status === "EXPIRED" ? ended.expired : ended.canceled;
}

function backOf({ id, status, returnUrl }: Request, { clientState, ...page }: RequestPageProps): string | null {
  const url = returnUrl ?? page.returnUrl;
  return url ? returnTo(url, id, status, clientState) : null;
}

/** How people call an account: by name and address where there are both. */
export function accountOf(
  account: { id: string; name?: string | null; email?: string | null } | null | undefined,
): string | null {
  if (!account) return null;
  const { id, name, email } = account;
  return name && email && name !== email ? `${name} (${email})` : (name ?? email ?? id);
}
