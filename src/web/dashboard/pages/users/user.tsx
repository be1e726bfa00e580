import { useMemo, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { useQuery } from "urql";
import {
  CredentialsChangedDocument,
  RequestsUpdatedDocument,
  type UserRowFragment,
  UsersDeleteDocument,
  UsersDetailDocument,
  UsersRevokeSessionsDocument,
} from "../../../api/gql.ts";
import { useAction } from "../../../api/use-action.ts";
import { useLive } from "../../../api/use-live.ts";
import { Button } from "../../../ui/button.tsx";
import { ConfirmDialog } from "../../../ui/dialog.tsx";
import { Copyable, EmptyState, Facts } from "../../../ui/show.tsx";
import { Time } from "../../../ui/time.tsx";
import { toast } from "../../../ui/toast.tsx";
import { ImpactNotice } from "../../shell/impact.tsx";
import { Loads, NotFound, Page } from "../../shell/page.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { useMay } from "../../shell/viewer.ts";
import { AddCredentialDialog } from "../credentials/add-credential-dialog.tsx";
import { CredentialTable } from "../credentials/credential-table.tsx";
import { RequestTable } from "../requests/request-table.tsx";
import { ConnectLinkDialog } from "./connect-link-dialog.tsx";
import { UserDialog } from "./user-dialog.tsx";

export default function UserPage() {
  const { id = "" } = useParams();
  const context = useMemo(() => ({ additionalTypenames: ["User", "Credential", "ConnectionRequest"] }), []);
  const [result, read] = useQuery({ query: UsersDetailDocument, variables: { id }, context, requestPolicy: "cache-and-network" });
  const filter = { user: { id } };
  useLive(CredentialsChangedDocument, { filter }, read);
  useLive(RequestsUpdatedDocument, { filter }, read);
  return (
    <Loads result={result} what="the user">
      {({ user }) =>
        !user ? (
          <NotFound what="user" />
        ) : (
          <Page title={user.displayName ?? user.externalId} actions={<Actions user={user} />}>
            <Facts
              items={[
                ["Your id", <Copyable key="externalId" value={user.externalId} label="external id" />],
                ["Id", <Copyable key="id" value={user.id} label="user id" />],
                ["E-mail", user.email],
                ["Language", user.locale],
                ["Added", <Time key="added" at={user.createdAt} />],
                ["Metadata", hasEntries(user.metadata) ? <code key="metadata">{JSON.stringify(user.metadata)}</code> : null],
              ]}
            />
            <h2>Credentials</h2>
            {user.credentials.nodes.length === 0 ? (
              <EmptyState title="Nothing is connected yet">
                <p className="soft">
                  Create a connect link, and open it or send it to this user; or add a credential whose values you know.
                </p>
              </EmptyState>
            ) : (
              <>
                <CredentialTable credentials={user.credentials.nodes} withoutUser />
                <FirstOnly shown={user.credentials.nodes.length} total={user.credentials.totalCount} />
              </>
            )}
            <h2>Connection requests</h2>
            {user.connectionRequests.nodes.length === 0 ? (
              <p className="soft">None yet.</p>
            ) : (
              <>
                <RequestTable requests={user.connectionRequests.nodes} withoutUser />
                <FirstOnly shown={user.connectionRequests.nodes.length} total={user.connectionRequests.totalCount} />
              </>
            )}
          </Page>
        )
      }
    </Loads>
  );
}

function FirstOnly({ shown, total }: { shown: number; total: number }) {
  return <p className="soft small">{total > shown ? `The newest ${shown} of ${total}` : `${total} in all`}</p>;
}

function hasEntries(metadata: unknown): boolean {
  return typeof metadata === "object" && metadata !== null && Object.keys(metadata).length > 0;
}

function Actions({ user }: { user: UserRowFragment }) {
  const may = useMay();
  const [open, setOpen] = useState<"link" | "credential" | "edit" | "sessions" | "delete" | null>(null);
  const close = () => setOpen(null);
  return (
    <>
      {may("USER_WRITE") && (
        <>
          <Button variant="primary" onPress={() => setOpen("link")}>
            Create a connect link
          </Button>
          {may("CREDENTIAL_CREATE") && <Button onPress={() => setOpen("credential")}>Add a credential</Button>}
          <Button onPress={() => setOpen("edit")}>Edit</Button>
          <Button onPress={() => setOpen("sessions")}>End sessions</Button>
        </>
      )}
      {may("USER_DELETE") && (
        <Button variant="danger" onPress={() => setOpen("delete")}>
          Delete
        </Button>
      )}
      {open === "link" && <ConnectLinkDialog userId={user.id} userName={user.displayName ?? user.externalId} onClose={close} />}
      {open === "credential" && (
        <AddCredentialDialog user={{ id: user.id, name: user.displayName ?? user.externalId }} onClose={close} />
      )}
      {open === "edit" && <UserDialog user={user} onClose={close} />}
      {open === "sessions" && <EndSessions user={user} onClose={close} />}
      {open === "delete" && <DeleteUser user={user} onClose={close} />}
    </>
  );
}

function EndSessions({ user, onClose }: { user: UserRowFragment; onClose(): void }) {
  const action = useAction(UsersRevokeSessionsDocument);
  async function end(): Promise<void> {
    const outcome = await action.run({ input: { user: { id: user.id } } });
    if (!outcome.ok) return;
    toast(`${outcome.payload.revokedCount} sessions ended.`);
    onClose();
  }
  return (
    <ConfirmDialog
      title="End all sessions?"
      isOpen
      onClose={onClose}
      onConfirm={() => void end()}
      confirmLabel="End them"
      isPending={action.pending}
    >
      <p>
        Browsers of this user are signed out of Moorline at once, and connect links stop working. Credentials stay as they are.
      </p>
      <ProblemNotice problem={action.problem} />
    </ConfirmDialog>
  );
}

function DeleteUser({ user, onClose }: { user: UserRowFragment; onClose(): void }) {
  const navigate = useNavigate();
  const action = useAction(UsersDeleteDocument, "User");
  const inUse = action.problem?.__typename === "InUseError";
  async function remove(): Promise<void> {
    const outcome = await action.run({ input: { id: user.id, ...(inUse && { confirm: true }) } });
    if (!outcome.ok) return;
    toast("The user is deleted.");
    void navigate("/users");
  }
  return (
    <ConfirmDialog
      title={`Delete ${user.displayName ?? user.externalId}?`}
      isOpen
      onClose={onClose}
      onConfirm={() => void remove()}
      confirmLabel={inUse ? "Delete all the same" : "Delete"}
      danger
      isPending={action.pending}
    >
      <p>Every credential of this user is revoked at the providers, and every secret destroyed. This can’t be undone.</p>
      {inUse ? <ImpactNotice problem={action.problem} /> : <ProblemNotice problem={action.problem} />}
    </ConfirmDialog>
  );
}
