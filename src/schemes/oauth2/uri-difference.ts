/** In which parts two URIs differ, for a person: redirect URIs and endpoints are compared character by character (RFC 9700 section 2.1). */
export function uriDifference(ours: string, theirs: string): string {
  if (ours === theirs) return "nothing";
  const [a, b] = [URL.parse(ours), URL.parse(theirs)];
  if (!a || !b) return "its form";
  const parts = [
    a.protocol !== b.protocol && `the scheme (${a.protocol}// here, ${b.protocol}// there)`,
    a.hostname !== b.hostname && `the host (${a.hostname} here, ${b.hostname} there)`,
    a.port !== b.port && `the port (${a.port || "none"} here, ${b.port || "none"} there)`,
    pathDifference(a.pathname, b.pathname),
    a.search !== b.search && "the query",
  ].filter((part) => part !== false);
  return parts.length > 0 ? parts.join(", ") : "capital letters or encoding";
}

function pathDifference(a: string, b: string): string | false {
  if (a === b) return false;
  if (a === `${b}/`) return "the slash at the end (here, not there)";
  if (b === `${a}/`) return "the slash at the end (there, not here)";
  return `the path (${a} here, ${b} there)`;
}

/** What is registered by mistake in place of a URI, the most frequent first. */
export function likelyMistakes(uri: string): string[] {
  const url = new URL(uri);
  const changed = (parts: Partial<Pick<URL, "protocol" | "port" | "hostname" | "pathname">>) =>
    Object.assign(new URL(uri), parts).href;
  const other = url.protocol === "https:" ? "http:" : "https:";
  const slash = uri.endsWith("/") ? uri.slice(0, -1) : `${uri}/`;
  const otherHost: Record<string, string> = { localhost: "127.0.0.1", "127.0.0.1": "localhost" };
  const www = url.hostname.startsWith("www.") ? url.hostname.slice(4) : `www.${url.hostname}`;
  const candidates = [
    slash,
    changed({ protocol: other }),
    changed({ port: "" }),
    changed({ hostname: otherHost[url.hostname] ?? www }),
    changed({ protocol: other, port: "" }),
    changed({ pathname: "/" }),
    changed({ pathname: "/oauth/callback" }),
    slash.replace(url.protocol, other),
  ];
  return [...new Set(candidates)].filter((candidate) => candidate !== uri);
}
