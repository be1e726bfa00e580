import { type FormEvent, useState } from "react";
import { Link } from "react-router";
import { useSubscription } from "urql";
import {
  AuthConfigsTestConnectDocument,
  AuthConfigsTestProgressDocument,
  AuthConfigsTestUserDocument,
} from "../../../api/gql.ts";
import { useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { Copyable, Notice } from "../../../ui/show.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { Status } from "../../shell/statuses.tsx";
import type { ShownConfig } from "./shown-config.ts";

/** The way that a user will go, with an account of one's own. */
export function TestConnection({ config }: { config: ShownConfig }) {
  const [externalId, setExternalId] = useState("test-user");
  const [opened, setOpened] = useState<{ id: string; connectUrl: string | null } | null>(null);
  const user = useAction(AuthConfigsTestUserDocument);
  const connect = useAction(AuthConfigsTestConnectDocument);
  const pending = user.pending || connect.pending;

  async function begin(event: FormEvent): Promise<void> {
    event.preventDefault();
    setOpened(null);
    const made = await user.run({ input: { externalId: externalId.trim() } });
    if (!made.ok) return;
    const input = { target: { authConfigId: config.id }, user: { id: made.payload.user.id } };
    const outcome = await connect.run({ input });
    if (!outcome.ok) return;
    const { id, connectUrl } = outcome.payload.connectionRequest;
    setOpened({ id, connectUrl: connectUrl ?? null });
  }

  return (
    <section className="card stack" aria-label="Test connection">
      <h2>Connect a test account</h2>
      <p className="soft">Goes the way that your users will go, on the hosted page, and shows here how far it is.</p>
      <form className="row add-row" onSubmit={(event) => void begin(event)}>
        <TextField
          label="For the user"
          help="Your own id of the user. One that is not there yet is added."
          value={externalId}
          onChange={setExternalId}
          isRequired
        />
        <Button type="submit" isPending={pending} isDisabled={externalId.trim() === ""}>
          Make a connect link
        </Button>
      </form>
      <ProblemNotice problem={user.problem ?? connect.problem} />
      {opened && <Progress key={opened.id} {...opened} />}
    </section>
  );
}

function Progress({ id, connectUrl }: { id: string; connectUrl: string | null }) {
  // Somebody who tries again on the hosted page goes on with another request.
  const [followed, setFollowed] = useState(id);
  const [{ data }] = useSubscription({ query: AuthConfigsTestProgressDocument, variables: { id: followed } });
  const request = data?.connectionRequestUpdated;
  const next = request?.retriedBy?.id;
  if (next && next !== followed) setFollowed(next);
  const isOpen = !request || ["PENDING", "AUTHORIZING", "VERIFYING", "EXCHANGING"].includes(request.status);
  return (
    <div className="stack">
      {connectUrl && isOpen && (
        <div className="row">
          <a className="button" data-variant="primary" href={connectUrl} target="_blank" rel="noreferrer noopener">
            Open the connect page
          </a>
          <Copyable value={connectUrl} label="connect link" />
        </div>
      )}
      <p className="row" role="status">
        How far it is: <Status value={request?.status ?? "PENDING"} />
      </p>
      {request?.failure && (
        <Notice tone="bad" title={request.failure.message} live>
          {request.failure.remedy}
        </Notice>
      )}
      {request?.status === "ACTIVE" && request.credential && (
        <Notice tone="good" title="It works: the account is connected." live>
          <Link to={`/credentials/${request.credential.id}`}>Show the credential</Link>
        </Notice>
      )}
    </div>
  );
}
