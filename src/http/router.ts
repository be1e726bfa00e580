import type { IncomingMessage, ServerResponse } from "node:http";

export interface Hit {
  request: IncomingMessage;
  response: ServerResponse;
  /** The path's variable segments, decoded; `*` as it came, from its slash on. */
  parameters: Record<string, string>;
  /** The query string's. */
  query: URLSearchParams;
}

export type Handler = (hit: Hit) => Promise<void> | void;
/** A route without its own HEAD answers one with GET's headers; where GET begins something, it brings one. `ANY` takes every method. */
export type Route = { path: string } & Partial<Record<"GET" | "HEAD" | "POST" | "OPTIONS" | "ANY", Handler>>;

export type Match =
  | { kind: "found"; route: string; handler: Handler; parameters: Record<string, string> }
  | { kind: "method"; route: string; allow: string }
  | { kind: "none" };

/**
 * A table of `/segment/:variable` paths, of which the last segment may be `*`: whatever comes. `ac_:id` is a variable that begins so, all
 * of it. Several may fit: the first that has the method answers. A few dozen routes: walking the table costs less than a tree would.
 */
export function createRouter(routes: Route[]): (method: string, path: string) => Match {
  const table = routes.map((route) => ({ route, segments: route.path.split("/") }));

  return function match(method, path) {
    const given = path.split("/");
    const others: Route[] = [];
    for (const { route, segments } of table) {
      const parameters = fit(segments, given);
      if (!parameters) continue;
      const handler = route[method as "GET"] ?? (method === "HEAD" ? route.GET : undefined) ?? route.ANY;
      if (handler) return { kind: "found", route: route.path, handler, parameters };
      others.push(route);
    }
    const [other] = others;
    return other ? { kind: "method", route: other.path, allow: allowed(others) } : { kind: "none" };
  };
}

function fit(segments: string[], given: string[]): Record<string, string> | null {
  const open = segments.at(-1) === "*";
  if (open ? given.length < segments.length : given.length !== segments.length) return null;
  const parameters: Record<string, string> = {};
  for (const [index, segment] of segments.entries()) {
    if (open && index === segments.length - 1) {
      parameters["*"] = `/${given.slice(index).join("/")}`;
      break;
    }
    const value = given[index] ?? "";
    const [prefix = "", name] = segment.split(":");
    if (name === undefined) {
      if (segment !== value) return null;
      continue;
    }
    const decoded = decode(value) || null;
    if (!decoded?.startsWith(prefix)) return null;
    parameters[name] = decoded;
  }
  return parameters;
}

function decode(value: string): string | null {
  try {
    return decodeURIComponent(value);
  } catch {
    return null;
  }
}

function allowed(routes: Route[]): string {
  const methods = [...new Set(routes.flatMap((route) => Object.keys(route).filter((key) => key !== "path")))];
  if (methods.includes("GET") && !methods.includes("HEAD")) methods.push("HEAD");
  return methods.join(", ");
}
