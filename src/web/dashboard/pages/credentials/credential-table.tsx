import { Link } from "react-router";
import type { CredentialRowFragment } from "../../../api/gql.ts";
import { Table } from "../../../ui/table.tsx";
import { Time } from "../../../ui/time.tsx";
import { ConnectorAvatar } from "../../shell/connector-avatar.tsx";
import { Status } from "../../shell/statuses.tsx";

export function CredentialTable({
  credentials,
  withoutUser,
}: {
  credentials: readonly CredentialRowFragment[];
  withoutUser?: boolean;
}) {
  const columns = [
    {
      title: "Account",
      cell: (credential: CredentialRowFragment) => (
        <span className="row">
          <ConnectorAvatar connector={credential.connector} />
          <span>
            <Link to={`/credentials/${credential.id}`}>{accountName(credential)}</Link>
            <div className="soft small">{credential.connector.name}</div>
          </span>
        </span>
      ),
    },
    { title: "User", cell: (credential: CredentialRowFragment) => <Owner credential={credential} /> },
    { title: "Status", cell: (credential: CredentialRowFragment) => <Status value={credential.status} /> },
    {
      title: "Auth config",
      cell: ({ authConfig }: CredentialRowFragment) => <Link to={`/auth-configs/${authConfig.id}`}>{authConfig.name}</Link>,
    },
    { title: "Last used", cell: (credential: CredentialRowFragment) => <Time at={credential.lastUsedAt} /> },
    { title: "Connected", cell: (credential: CredentialRowFragment) => <Time at={credential.createdAt} /> },
  ];
  return (
    <Table
      label="Credentials"
      rows={credentials}
      rowKey={(credential) => credential.id}
      columns={withoutUser ? columns.filter((column) => column.title !== "User") : columns}
    />
  );
}

export function accountName({ label, account, connector }: CredentialRowFragment): string {
  return label ?? account?.name ?? account?.email ?? account?.id ?? `${connector.name} account`;
}

export function Owner({ credential: { user } }: { credential: CredentialRowFragment }) {
  if (!user) return <span className="soft">the project’s own</span>;
  return <Link to={`/users/${user.id}`}>{user.displayName ?? user.externalId}</Link>;
}
