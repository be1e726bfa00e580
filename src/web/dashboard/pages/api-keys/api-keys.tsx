import { useMemo, useState } from "react";
import { useQuery } from "urql";
import { type ApiKeyRowFragment, ApiKeysListDocument, ApiKeysRevokeDocument } from "../../../api/gql.ts";
import { useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { ConfirmDialog } from "../../../ui/dialog.tsx";
import { Badge, EmptyState } from "../../../ui/show.tsx";
import { Table } from "../../../ui/table.tsx";
import { Time } from "../../../ui/time.tsx";
import { toast } from "../../../ui/toast.tsx";
import { Pager, usePages } from "../../shell/more.tsx";
import { Loads, Page } from "../../shell/page.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { wordsOf } from "../../shell/statuses.tsx";
import { useMay, useViewer } from "../../shell/viewer.ts";
import { CreateApiKey } from "./create-api-key.tsx";

export default function ApiKeys() {
  const may = useMay();
  const pages = usePages();
  const context = useMemo(() => ({ additionalTypenames: ["ApiKey"] }), []);
  const [result] = useQuery({ query: ApiKeysListDocument, variables: { after: pages.after }, context });
  const [creating, setCreating] = useState(false);
  const [revoking, setRevoking] = useState<ApiKeyRowFragment | null>(null);
  return (
    <Page
      title="API keys"
      lead="Back ends and operators speak with these. A key’s text is shown once, when it is made; only a hash of it is kept."
      actions={
        may("API_KEY_MANAGE") && (
          <Button variant="primary" onPress={() => setCreating(true)}>
            Create an API key
          </Button>
        )
      }
    >
      <Loads result={result} what="the API keys">
        {({ apiKeys }) =>
          !apiKeys ? (
            <EmptyState title="Your role does not see API keys." />
          ) : (
            <>
              <KeyTable keys={apiKeys.nodes} onRevoke={setRevoking} />
              <Pager pages={pages} info={apiKeys.pageInfo} total={apiKeys.totalCount} />
            </>
          )
        }
      </Loads>
      {creating && <CreateApiKey onClose={() => setCreating(false)} />}
      {revoking && <RevokeApiKey apiKey={revoking} onClose={() => setRevoking(null)} />}
    </Page>
  );
}

function KeyTable({ keys, onRevoke }: { keys: readonly ApiKeyRowFragment[]; onRevoke(key: ApiKeyRowFragment): void }) {
  const may = useMay();
  const { apiKey } = useViewer();
  return (
    <Table
      label="API keys"
      rows={keys}
      rowKey={(key) => key.id}
      columns={[
        {
          title: "Name",
          cell: (key) => (
            <>
              <b>{key.name}</b> {key.id === apiKey?.id && <Badge tone="live">you are here by this one</Badge>}
              <br />
              <code className="soft">{key.prefix}…</code>
            </>
          ),
        },
        { title: "Role", cell: (key) => <RoleCell apiKey={key} /> },
        { title: "State", cell: (key) => <StateBadge apiKey={key} /> },
        { title: "Last used", cell: (key) => <Time at={key.lastUsedAt} /> },
        { title: "Created", cell: (key) => <Time at={key.createdAt} /> },
        {
          title: "Actions",
          hidden: true,
          cell: (key) =>
            !key.revokedAt &&
            may("API_KEY_MANAGE") && (
              <Button small variant="danger" onPress={() => onRevoke(key)} aria-label={`Revoke ${key.name}`}>
                Revoke
              </Button>
            ),
        },
      ]}
    />
  );
}

/** The role, and what narrows it. */
function RoleCell({ apiKey }: { apiKey: ApiKeyRowFragment }) {
  const narrowed = [
    apiKey.connectorSlugs && `connectors: ${apiKey.connectorSlugs.join(", ")}`,
    apiKey.users && `users: ${apiKey.users.map((user) => user.externalId).join(", ")}`,
    apiKey.methods && `methods: ${apiKey.methods.join(", ")}`,
  ].filter(Boolean);
  return (
    <>
      {wordsOf(apiKey.role)}
      {apiKey.role !== "ADMIN" && apiKey.permissions.includes("CREDENTIAL_REVEAL") && (
        <span className="soft"> + reveals secrets</span>
      )}
      {narrowed.length > 0 && <div className="soft small">Only {narrowed.join("; ")}</div>}
    </>
  );
}

function StateBadge({ apiKey }: { apiKey: ApiKeyRowFragment }) {
  if (apiKey.revokedAt) return <Badge tone="bad">Revoked</Badge>;
  if (!apiKey.expiresAt) return <Badge tone="good">Active</Badge>;
  const over = new Date(apiKey.expiresAt) <= new Date();
  return (
    <Badge tone={over ? "warn" : "good"}>
      {over ? "Expired" : "Ends"} <Time at={apiKey.expiresAt} />
    </Badge>
  );
}

function RevokeApiKey({ apiKey, onClose }: { apiKey: ApiKeyRowFragment; onClose(): void }) {
  const action = useAction(ApiKeysRevokeDocument);
  const own = useViewer().apiKey?.id === apiKey.id;
  async function revoke(): Promise<void> {
    const outcome = await action.run({ input: { id: apiKey.id } });
    if (!outcome.ok) return;
    toast(`“${apiKey.name}” is revoked.`);
    onClose();
  }
  return (
    <ConfirmDialog
      title={`Revoke “${apiKey.name}”?`}
      isOpen
      onClose={onClose}
      onConfirm={() => void revoke()}
      confirmLabel="Revoke"
      danger
      isPending={action.pending}
    >
      <p>Whoever uses it is refused from now on, open sockets included. This can’t be undone.</p>
      {own && <p>You are signed in by this key: you will be signed out.</p>}
      <ProblemNotice problem={action.problem} />
    </ConfirmDialog>
  );
}
