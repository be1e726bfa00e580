import { Avatar } from "../../ui/show.tsx";
import { useViewer } from "./viewer.ts";

interface Pictured {
  slug: string;
  name: string;
  logoUrl?: string | null;
}

/** Its logo comes by this host, which fetches it: a page of ours loads nothing from elsewhere. */
export function ConnectorAvatar({ connector, large }: { connector: Pictured; large?: boolean }) {
  const { project } = useViewer();
  const src = connector.logoUrl ? `/brand/${project.id}/connector/${encodeURIComponent(connector.slug)}` : null;
  return <Avatar name={connector.name} src={src} large={large} />;
}
