import { useState } from "react";
import {
  type CredentialFullFragment,
  CredentialsReauthorizeDocument,
  CredentialsRefreshDocument,
  CredentialsRevokeDocument,
  CredentialsSetEnabledDocument,
  CredentialsTestDocument,
} from "../../../api/gql.ts";
import { useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { ConfirmDialog, Dialog } from "../../../ui/dialog.tsx";
import { Copyable, Notice } from "../../../ui/show.tsx";
import { toast } from "../../../ui/toast.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { wordsOf } from "../../shell/statuses.tsx";
import { useMay } from "../../shell/viewer.ts";
import { EditCredentialDialog } from "./edit-credential-dialog.tsx";
import { TestNotice, type TestOutcome } from "./test-notice.tsx";
import { unaskedScopes } from "./unasked-scopes.ts";

type Opened = "edit" | "reauthorize" | "revoke";

/** Whatever the role may not do, and whatever its state leaves no sense in, is not there. */
export function CredentialActions({ credential }: { credential: CredentialFullFragment }) {
  const [open, setOpen] = useState<Opened | null>(null);
  const close = () => setOpen(null);
  return (
    <>
      {credential.status !== "REVOKED" && <Buttons credential={credential} onOpen={setOpen} />}
      {open === "edit" && <EditCredentialDialog credential={credential} onClose={close} />}
      {open === "reauthorize" && <Reauthorize credential={credential} onClose={close} />}
      {/* Stays when the credential is revoked: it tells what the provider said. */}
      {open === "revoke" && <Revoke credential={credential} onClose={close} />}
    </>
  );
}

function Buttons({ credential, onOpen }: { credential: CredentialFullFragment; onOpen(what: Opened): void }) {
  const may = useMay();
  const test = useAction(CredentialsTestDocument);
  const refresh = useAction(CredentialsRefreshDocument);
  const enable = useAction(CredentialsSetEnabledDocument);
  const [tested, setTested] = useState<TestOutcome | null>(null);
  const { id, enabled } = credential;

  async function runTest(): Promise<void> {
    setTested(null);
    const outcome = await test.run({ id });
    if (outcome.ok) setTested(outcome.payload.result);
  }
  async function runRefresh(): Promise<void> {
    const outcome = await refresh.run({ id });
    if (outcome.ok) toast("Refreshed.");
  }
  async function toggle(): Promise<void> {
    const outcome = await enable.run({ id, enabled: !enabled });
    if (outcome.ok) toast(enabled ? "Disabled: nobody can use it until it is enabled again." : "Enabled.");
  }

  return (
    <>
      {may("CREDENTIAL_CREATE") && (
        <Button onPress={() => void runTest()} isPending={test.pending}>
          Test
        </Button>
      )}
      {may("CREDENTIAL_USE") && credential.canRefresh && enabled && (
        <Button onPress={() => void runRefresh()} isPending={refresh.pending}>
          Refresh
        </Button>
      )}
      {may("CREDENTIAL_CREATE") && <Button onPress={() => onOpen("edit")}>Edit</Button>}
      {may("CONNECTION_INITIATE") && <Button onPress={() => onOpen("reauthorize")}>Re-authorize</Button>}
      {may("CREDENTIAL_CREATE") && (
        <Button onPress={() => void toggle()} isPending={enable.pending}>
          {enabled ? "Disable" : "Enable"}
        </Button>
      )}
      {may("CREDENTIAL_DELETE") && (
        <Button variant="danger" onPress={() => onOpen("revoke")}>
          Revoke
        </Button>
      )}
      {tested && <TestNotice tested={tested} />}
      <ProblemNotice problem={test.problem ?? refresh.problem ?? enable.problem} />
    </>
  );
}

function Reauthorize({ credential, onClose }: { credential: CredentialFullFragment; onClose(): void }) {
  const action = useAction(CredentialsReauthorizeDocument);
  const [url, setUrl] = useState<string | null>(null);
  const scopes = unaskedScopes(credential);
  async function start(): Promise<void> {
    const outcome = await action.run({ input: { id: credential.id, ...(scopes.length > 0 && { scopes }) } });
    if (outcome.ok)
      setUrl(outcome.payload.connectionRequest.connectUrl ?? outcome.payload.connectionRequest.authorizationUrl ?? null);
  }
  return (
    <Dialog title="Re-authorize" isOpen onClose={onClose}>
      {url ? (
        <>
          <Notice tone="good" live>
            Open this link, or send it to the user. The credential keeps its id, and works as before until they are done.
          </Notice>
          <Copyable value={url} label="link" wrap />
          <div className="dialog-actions">
            <Button onPress={onClose}>Done</Button>
            <a className="button" data-variant="primary" href={url} target="_blank" rel="noreferrer">
              Open it
            </a>
          </div>
        </>
      ) : (
        <>
          <p>
            The user goes through the hosted page for {credential.connector.name} once more, with the same account. You get a link
            for them.
          </p>
          {scopes.length > 0 && (
            <p>
              Beside what it has, they are asked for what the auth config wants since: <code>{scopes.join(" ")}</code>
            </p>
          )}
          <ProblemNotice problem={action.problem} />
          <div className="dialog-actions">
            <Button onPress={onClose}>Cancel</Button>
            <Button variant="primary" onPress={() => void start()} isPending={action.pending} autoFocus>
              Make the link
            </Button>
          </div>
        </>
      )}
    </Dialog>
  );
}

function Revoke({ credential, onClose }: { credential: CredentialFullFragment; onClose(): void }) {
  const action = useAction(CredentialsRevokeDocument);
  const [tokens, setTokens] = useState<readonly { kind: string; outcome: string; message?: string | null }[] | null>(null);
  async function revoke(): Promise<void> {
    const outcome = await action.run({ id: credential.id });
    if (outcome.ok) setTokens(outcome.payload.tokens);
  }
  if (tokens) {
    return (
      <Dialog title="Revoked" isOpen onClose={onClose}>
        <p>Nobody can use it any more. What {credential.connector.name} says of its tokens:</p>
        <ul>
          {tokens.map((token) => (
            <li key={token.kind}>
              {token.kind}: {wordsOf(token.outcome)} {token.message}
            </li>
          ))}
          {tokens.length === 0 && <li>It has no way to be told.</li>}
        </ul>
        <div className="dialog-actions">
          <Button variant="primary" onPress={onClose} autoFocus>
            Close
          </Button>
        </div>
      </Dialog>
    );
  }
  return (
    <ConfirmDialog
      title="Revoke this credential?"
      isOpen
      onClose={onClose}
      onConfirm={() => void revoke()}
      confirmLabel="Revoke"
      danger
      isPending={action.pending}
    >
      <p>
        It ends here at once, and at {credential.connector.name} where there is a way. This is final: the user has to connect
        anew.
      </p>
      <ProblemNotice problem={action.problem} />
    </ConfirmDialog>
  );
}
