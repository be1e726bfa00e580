import { Link } from "react-router";
import type { RequestRowFragment } from "../../../api/gql.ts";
import { Table } from "../../../ui/table.tsx";
import { Time } from "../../../ui/time.tsx";
import { ConnectorAvatar } from "../../shell/connector-avatar.tsx";
import { Status } from "../../shell/statuses.tsx";

export function RequestTable({ requests, withoutUser }: { requests: readonly RequestRowFragment[]; withoutUser?: boolean }) {
  const columns = [
    {
      title: "Connector",
      cell: (request: RequestRowFragment) => (
        <span className="row">
          <ConnectorAvatar connector={request.connector} />
          <span>
            <Link to={`/requests/${request.id}`}>{request.connector.name}</Link>
            <div className="soft small">{request.kind === "REAUTHORIZE" ? "Re-authorization" : "New connection"}</div>
          </span>
        </span>
      ),
    },
    {
      title: "User",
      cell: ({ user }: RequestRowFragment) =>
        user ? (
          <Link to={`/users/${user.id}`}>{user.displayName ?? user.externalId}</Link>
        ) : (
          <span className="soft">the project’s own</span>
        ),
    },
    { title: "Status", cell: (request: RequestRowFragment) => <Status value={request.status} /> },
    {
      title: "What went wrong",
      cell: (request: RequestRowFragment) => request.failure?.message ?? <span className="soft">–</span>,
    },
    { title: "Changed", cell: (request: RequestRowFragment) => <Time at={request.updatedAt} /> },
  ];
  return (
    <Table
      label="Connection requests"
      rows={requests}
      rowKey={(request) => request.id}
      columns={withoutUser ? columns.filter((column) => column.title !== "User") : columns}
    />
  );
}
