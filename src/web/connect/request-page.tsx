import { lazy, type ReactNode, Suspense, useCallback, useEffect } from "react";
import { Loading } from "../ui/show.tsx";
import { useBrand } from "./brand.ts";
import { Ended } from "./ended.tsx";
import type { SchemeType } from "./gql.ts";
import { tellOpener } from "./opener.ts";
import { Connectivity, Refused } from "./outside.tsx";
import { type ProviderWindow, useProviderWindow } from "./provider-window.ts";
import type { RequestPageProps } from "./request-page-props.ts";
import { Start } from "./start.tsx";
import { useProduct } from "./summary.tsx";
import { isFinished, type Request, useRequest, type WatchedRequest } from "./use-request.ts";
import { Automatic, InOtherWindow, NearlyDone } from "./waiting.tsx";
import { useWords } from "./words/use-words.ts";
import type { Words } from "./words/words.ts";

const FormStep = lazy(() => import("./form-step.tsx").then((module) => ({ default: module.FormStep })));
const DeviceStep = lazy(() => import("./device-step.tsx").then((module) => ({ default: module.DeviceStep })));

/** One connection request from its link to its end. */
export function RequestPage(props: RequestPageProps) {
  const { id, onFollowed, live, origin } = props;
  const { page } = useWords();
  const brand = useBrand();
  const follow = useCallback(
    (next: string, before: string) => {
      tellOpener(origin, { connectionRequestId: next, status: "PENDING", retryOf: before });
      onFollowed(next);
    },
    [origin, onFollowed],
  );
  const watched = useRequest(id, live, follow);
  const { request, isMissing, isLost } = watched;

  const status = request?.status;
  useEffect(() => {
    if (status) tellOpener(origin, { connectionRequestId: id, status });
  }, [origin, id, status]);

  if (isMissing && !request)
    return <Refused refusal={{ kind: "REFUSED", status: "EXPIRED", productName: brand.name, returnUrl: null }} />;
  const waits = status !== undefined && !isFinished(status);
  return (
    <div className="stack">
      <Connectivity isLost={isLost} live={live} waits={waits} />
      {request && brand.projectId ? (
        <Suspense fallback={<Loading label={page.loading} />}>
          <CurrentStep key={id} watched={watched} request={request} page={props} />
        </Suspense>
      ) : (
        <Loading label={page.loading} />
      )}
    </div>
  );
}

/** Schemes whose user signs in at the provider, however they get there; with every other the user types something here. */
const AT_PROVIDER: ReadonlySet<SchemeType> = new Set(["OAUTH2", "OAUTH1", "APP_INSTALLATION"]);

interface CurrentStepProps {
  watched: WatchedRequest;
  request: Request;
  page: RequestPageProps;
}

/** Which step a request is at is the server's to say; only whether a window was opened from here is this page's own. */
function CurrentStep(props: CurrentStepProps) {
  const words = useWords();
  const product = useProduct();
  const provider = useProviderWindow();
  const { close } = provider;
  const over = isFinished(props.request.status);
  useEffect(() => {
    if (over) close();
  }, [over, close]);
  return (
    <>
      <div role="status" className="visually-hidden">
        {goingOn(props.request, provider.isOpen, words, product)}
      </div>
      {stepOf(props, provider)}
    </>
  );
}

function stepOf({ watched, request, page }: CurrentStepProps, provider: ProviderWindow): ReactNode {
  const { status, authorizationUrl, deviceAuthorization, authConfig } = request;
  const common = { request, onState: watched.take };
  if (isFinished(status)) return <Ended request={request} onRetried={watched.take} page={page} />;
  if (status === "VERIFYING" || status === "EXCHANGING") return <NearlyDone {...common} />;
  if (authorizationUrl && provider.isOpen) return <InOtherWindow {...common} provider={provider} url={authorizationUrl} />;
  if (authorizationUrl) return <Start {...common} provider={provider} url={authorizationUrl} display={page.display} />;
  if (deviceAuthorization) return <DeviceStep {...common} device={deviceAuthorization} />;
  if (!AT_PROVIDER.has(authConfig.scheme)) return <FormStep request={request} watched={watched} />;
  return <Automatic request={request} />;
}

/** For whoever cannot see the step: what it waits for. Where a person has something to do, its heading has said so. */
function goingOn(request: Request, isOpen: boolean, { waiting, device }: Words, product: string): string {
  const { status, connector, authorizationUrl, deviceAuthorization, authConfig } = request;
  if (status === "VERIFYING") return waiting.verifying(product);
  if (status === "EXCHANGING") return waiting.exchanging(connector.name);
  if (isFinished(status)) return "";
  if (isOpen) return waiting.person(connector.name);
  if (deviceAuthorization) return device.waiting;
  return AT_PROVIDER.has(authConfig.scheme) && !authorizationUrl ? waiting.byItself(connector.name) : "";
}
