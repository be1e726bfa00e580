import type { ReactNode } from "react";
import { Link } from "react-router";
import type { ConnectorTileFragment } from "../../../api/gql.ts";
import { Badge } from "../../../ui/show.tsx";
import { ConnectorAvatar } from "../../shell/connector-avatar.tsx";
import { wordsOf } from "../../shell/statuses.tsx";
import "./catalogue.css";

/** One connector of a list: a link to wherever choosing it leads. */
export function ConnectorTile({ connector, to }: { connector: ConnectorTileFragment; to: string }) {
  const { name, description, kind, schemes, managedAppAvailable } = connector;
  return (
    <Link className="tile" to={to}>
      <ConnectorAvatar connector={connector} />
      <span className="tile-text">
        <b>{name}</b>
        {description && <span className="soft small clamp">{description}</span>}
        <span className="badges">
          {kind === "CUSTOM" && <Badge>Custom</Badge>}
          {managedAppAvailable && <Badge tone="good">Default app</Badge>}
          {[...new Set(schemes.map(({ type }) => type))].slice(0, 3).map((type) => (
            <Badge key={type} tone="live">
              {wordsOf(type)}
            </Badge>
          ))}
        </span>
      </span>
    </Link>
  );
}

export function TileList({ label, children }: { label: string; children: ReactNode }) {
  return (
    <ul className="grid tiles" aria-label={label}>
      {children}
    </ul>
  );
}
