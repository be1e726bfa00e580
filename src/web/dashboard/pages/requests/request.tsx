import { Link, useParams } from "react-router";
import { useQuery } from "urql";
import {
  type RequestFullFragment,
  RequestsCancelDocument,
  RequestsDetailDocument,
  RequestsUpdatedOneDocument,
} from "../../../api/gql.ts";
import { useAction } from "../../../api/use-action.ts";
import { useLive } from "../../../api/use-live.ts";
import { Button } from "../../../ui/button.tsx";
import { Copyable, Facts, Notice } from "../../../ui/show.tsx";
import { Time } from "../../../ui/time.tsx";
import { toast } from "../../../ui/toast.tsx";
import { Loads, NotFound, Page } from "../../shell/page.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { Status, wordsOf } from "../../shell/statuses.tsx";
import { useMay } from "../../shell/viewer.ts";

const ENDED = new Set(["ACTIVE", "FAILED", "DENIED", "CANCELED", "EXPIRED"]);

export default function RequestPage() {
  const { id = "" } = useParams();
  const [result, read] = useQuery({ query: RequestsDetailDocument, variables: { id }, requestPolicy: "cache-and-network" });
  useLive(RequestsUpdatedOneDocument, { id }, read);
  return (
    <Loads result={result} what="the connection request">
      {({ connectionRequest }) =>
        connectionRequest ? <Request request={connectionRequest} /> : <NotFound what="connection request" />
      }
    </Loads>
  );
}

function Request({ request }: { request: RequestFullFragment }) {
  const may = useMay();
  const ended = ENDED.has(request.status);
  const cancel = useAction(RequestsCancelDocument);
  async function stop(): Promise<void> {
    const outcome = await cancel.run({ id: request.id });
    if (outcome.ok) toast("Cancelled.");
  }
  const actions = !ended && may("CONNECTION_INITIATE") && (
    <Button variant="danger" onPress={() => void stop()} isPending={cancel.pending}>
      Cancel it
    </Button>
  );
  return (
    <Page
      title={`${request.kind === "REAUTHORIZE" ? "Re-authorization" : "Connection"}: ${request.connector.name}`}
      actions={actions}
    >
      <ProblemNotice problem={cancel.problem} />
      {request.failure && (
        <Notice tone="bad" title={request.failure.message}>
          <p>{request.failure.remedy}</p>
          {(request.failure.providerCode || request.failure.providerMessage) && (
            <p className="soft">
              The provider wrote: <code>{request.failure.providerCode}</code> {request.failure.providerMessage}
            </p>
          )}
        </Notice>
      )}
      <RequestFacts request={request} />
      <h2>What happened</h2>
      <ol className="timeline">
        {request.events.map((event) => (
          <li key={event.sequence}>
            <div className="row">
              <Status value={event.status} />
              <span className="soft small">
                <Time at={event.at} />
              </span>
            </div>
            {event.failure && (
              <p>
                {wordsOf(event.failure.code)}: {event.failure.message}
              </p>
            )}
          </li>
        ))}
      </ol>
    </Page>
  );
}

function RequestFacts({ request }: { request: RequestFullFragment }) {
  const { user, credential, retriedBy, deviceAuthorization } = request;
  return (
    <Facts
      items={[
        ["Status", <Status key="status" value={request.status} />],
        ["Id", <Copyable key="id" value={request.id} label="request id" />],
        [
          "User",
          user ? (
            <Link key="user" to={`/users/${user.id}`}>
              {user.displayName ?? user.externalId}
            </Link>
          ) : (
            "the project’s own"
          ),
        ],
        [
          "Auth config",
          <Link key="config" to={`/auth-configs/${request.authConfig.id}`}>
            {request.authConfig.name}
          </Link>,
        ],
        [
          "Credential",
          credential && (
            <Link key="credential" to={`/credentials/${credential.id}`}>
              {credential.id}
            </Link>
          ),
        ],
        [
          "Tried again as",
          retriedBy && (
            <Link key="retry" to={`/requests/${retriedBy.id}`}>
              {retriedBy.id}
            </Link>
          ),
        ],
        ["Scopes", request.requestedScopes.length > 0 ? <code key="scopes">{request.requestedScopes.join(" ")}</code> : null],
        ["Link for the user", request.connectUrl && <Copyable key="link" value={request.connectUrl} label="connect link" wrap />],
        ["Device code", deviceAuthorization && `${deviceAuthorization.userCode} at ${deviceAuthorization.verificationUri}`],
        ["Goes back to", request.returnUrl],
        ["Began", <Time key="began" at={request.createdAt} />],
        ["Ends at the latest", <Time key="ends" at={request.expiresAt} />],
      ]}
    />
  );
}
