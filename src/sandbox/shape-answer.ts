import type { Switches } from "./switches.ts";

/** An answer of the token endpoint, as it will be sent. */
export interface Answer {
  status: number;
  headers: Record<string, string>;
  body: string;
  /** Only the first half of the body is sent, then the connection is cut. */
  truncated?: boolean;
}

type Members = Record<string, unknown>;

const PAGE = '<!doctype html><html lang="en"><title>Maintenance</title><h1>We will be right back</h1></html>';

/**
 * Makes of a correct token answer (RFC 6749 sections 5.1 and 5.2) what real providers send instead. Anything that is no JSON
 * object passes unchanged.
 */
export function shapeAnswer(answer: Answer, switches: Switches, grantType: string | undefined): Answer {
  if (switches.html) return { ...answer, status: 200, headers: { "content-type": "text/html; charset=utf-8" }, body: PAGE };
  const members = parse(answer.body);
  if (!members) return answer;
  const failed = answer.status >= 400;
  const shaped = failed ? members : nest(reshape(members, switches, grantType), switches);
  const status = failed && switches.errorWith200 ? 200 : answer.status;
  return { ...answer, ...encode(shaped, switches, answer.headers), status, truncated: switches.truncated };
}

function parse(body: string): Members | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return value && typeof value === "object" && !Array.isArray(value) ? (value as Members) : undefined;
  } catch {
    return undefined;
  }
}

function reshape(members: Members, switches: Switches, grantType: string | undefined): Members {
  const shaped = { ...members };
  const scopes = typeof shaped.scope === "string" ? shaped.scope.split(" ") : undefined;
  if (scopes && switches.scopeCommas) shaped.scope = scopes.join(",");
  if (scopes && switches.scopeAsList) shaped.scope = scopes;
  if (switches.expiresInAsString && shaped.expires_in !== undefined) shaped.expires_in = String(shaped.expires_in);
  if (switches.noExpiresIn) delete shaped.expires_in;
  if (switches.noTokenType) delete shaped.token_type;
  if (switches.omitScopeInAnswer) delete shaped.scope;
  if (switches.noIdToken) delete shaped.id_token;
  if (switches.refreshOmitsRefreshToken && grantType === "refresh_token") delete shaped.refresh_token;
  return shaped;
}

function nest(members: Members, switches: Switches): Members {
  return switches.nested ? { ok: true, team: { id: "T1" }, [switches.nested]: members } : members;
}

function encode(members: Members, switches: Switches, headers: Record<string, string>): Pick<Answer, "body" | "headers"> {
  if (switches.formEncoded) {
    const pairs = Object.entries(members).map(([key, value]) => [
      key,
      typeof value === "object" ? JSON.stringify(value) : String(value),
    ]);
    const body = new URLSearchParams(pairs as [string, string][]).toString();
    return { body, headers: { ...headers, "content-type": "application/x-www-form-urlencoded; charset=utf-8" } };
  }
  const body = JSON.stringify(members);
  return switches.wrongContentType
    ? { body, headers: { ...headers, "content-type": "text/plain; charset=utf-8" } }
    : { body, headers };
}
