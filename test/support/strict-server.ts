/**
 * An authorization server in a process of its own, for tests of what Moorline does to refresh tokens: it survives whatever happens to the
 * servers that are tested, and its log, a file that is only ever appended to, says what was asked of it. Run it with `startStrictServer`.
 *
 * A client is whoever names itself, and its id begins with the way its refresh tokens behave: `none--`, `strict--`, …
 */
import { randomBytes } from "node:crypto";
import { appendFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/**
 * none: a refresh token stays. grace: it is replaced, and works on for a while. single: it is replaced and refused from then on. strict:
 * it is replaced, and whoever uses the old one ends all that came from it. latest: as grace, but of its successors only the last one works.
 */
export const MODES = ["none", "grace", "single", "strict", "latest"] as const;
export type Mode = (typeof MODES)[number];

/** What a client's refreshes meet; `times`: so many of them, absent: all. */
export interface Behaviour {
  /** Before the work is done. */
  stallMs?: number;
  /** After it, before the answer. */
  answerAfterMs?: number;
  /** The work is done, and the connection cut without an answer. */
  drop?: boolean;
  /** No work is done, and this is the answer. */
  error?: { status: number; code: string; retryAfterSeconds?: number };
  /** The work is done, and a page is the answer. */
  html?: boolean;
  times?: number;
}

export interface LogEntry {
  at: number;
  clientId: string;
  grant: string;
  /** `ok`, or the error's code. */
  outcome: string;
}

const GRACE_MS = Number(process.env.STRICT_GRACE_MS ?? 60_000);
const TTL_SECONDS = Number(process.env.STRICT_TTL ?? 3_600);

interface Family {
  mode: Mode;
  current: string;
  /** When each of those before it was replaced. */
  replaced: Map<string, number>;
  alive: boolean;
  accessTokens: Set<string>;
}

const families = new Map<string, Family>();
const byRefreshToken = new Map<string, Family>();
const codes = new Map<string, string>();
const behaviours = new Map<string, Behaviour>();

function log(entry: Omit<LogEntry, "at">): void {
  appendFileSync(process.env.STRICT_LOG!, `${JSON.stringify({ at: Date.now(), ...entry })}\n`);
}

function newToken(kind: string): string {
  return `${kind}_${randomBytes(24).toString("base64url")}`;
}

function modeOf(clientId: string): Mode {
  const mode = clientId.split("--")[0] as Mode;
  if (!MODES.includes(mode)) throw new Error(`The client ${clientId} does not say how its refresh tokens behave.`);
  return mode;
}

/** New tokens of a family; whoever asks with a token that was replaced gets what its mode holds for that. Null: refused. */
function renew(family: Family, token: string): { access_token: string; refresh_token?: string } | null {
  const since = family.replaced.get(token);
  const inGrace = (family.mode === "grace" || family.mode === "latest") && since !== undefined && Date.now() - since < GRACE_MS;
  if (since !== undefined && !inGrace && family.mode === "strict") {
    family.alive = false;
    family.accessTokens.clear();
  }
  if (!family.alive || (token !== family.current && !inGrace)) return null;
  const accessToken = newToken("at");
  family.accessTokens.add(accessToken);
  if (family.mode === "none") return { access_token: accessToken };
  // Asked once more within the grace period, it gives another successor.
  family.replaced.set(family.current, inGrace && family.mode === "latest" ? 0 : Date.now());
  family.current = newToken("rt");
  byRefreshToken.set(family.current, family);
  return { access_token: accessToken, refresh_token: family.current };
}

function firstTokens(clientId: string): { access_token: string; refresh_token: string } {
  const refreshToken = newToken("rt");
  const accessToken = newToken("at");
  const family: Family = {
    mode: modeOf(clientId),
    current: refreshToken,
    replaced: new Map(),
    alive: true,
    accessTokens: new Set([accessToken]),
  };
  families.set(clientId, family);
  byRefreshToken.set(refreshToken, family);
  return { access_token: accessToken, refresh_token: refreshToken };
}

async function token(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const form = new URLSearchParams(await text(request));
  const basic = Buffer.from(request.headers.authorization?.replace(/^Basic /, "") ?? "", "base64").toString();
  const clientId = form.get("client_id") ?? decodeURIComponent(basic.split(":")[0] ?? "");
  const grant = form.get("grant_type") ?? "";
  if (grant === "authorization_code") {
    codes.delete(form.get("code") ?? "");
    log({ clientId, grant, outcome: "ok" });
    return json(response, 200, { ...firstTokens(clientId), token_type: "Bearer", expires_in: TTL_SECONDS });
  }
  const behaviour = take(clientId);
  if (behaviour.stallMs) await sleep(behaviour.stallMs);
  if (behaviour.error) {
    const { status, code, retryAfterSeconds } = behaviour.error;
    log({ clientId, grant, outcome: code });
    if (retryAfterSeconds !== undefined) response.setHeader("retry-after", String(retryAfterSeconds));
    return json(response, status, { error: code });
  }
  const refreshToken = form.get("refresh_token") ?? "";
  const family = byRefreshToken.get(refreshToken);
  const tokens = family ? renew(family, refreshToken) : null;
  log({ clientId, grant, outcome: tokens ? "ok" : "invalid_grant" });
  if (behaviour.answerAfterMs) await sleep(behaviour.answerAfterMs);
  if (behaviour.drop) return void request.socket.destroy();
  if (behaviour.html) return void response.writeHead(200, { "content-type": "text/html" }).end("<h1>Sign in</h1>");
  if (tokens) json(response, 200, { ...tokens, token_type: "Bearer", expires_in: TTL_SECONDS });
  else json(response, 400, { error: "invalid_grant" });
}

function take(clientId: string): Behaviour {
  const behaviour = behaviours.get(clientId) ?? {};
  if (behaviour.times !== undefined) {
    behaviour.times -= 1;
    if (behaviour.times <= 0) behaviours.delete(clientId);
  }
  return behaviour;
}

function authorize(url: URL, response: ServerResponse): void {
  const code = newToken("code");
  const back = new URL(url.searchParams.get("redirect_uri") ?? "");
  back.searchParams.set("code", code);
  back.searchParams.set("state", url.searchParams.get("state") ?? "");
  response.writeHead(302, { location: back.href }).end();
}

function json(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

async function text(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request) body += String(chunk);
  return body;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const server = createServer(async (request, response) => {
  const url = new URL(request.url ?? "/", "http://localhost");
  if (url.pathname === "/authorize") return authorize(url, response);
  if (url.pathname === "/token") return token(request, response);
  if (url.pathname === "/api/me") {
    const bearer = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    const known = [...families.values()].some((family) => family.accessTokens.has(bearer));
    return json(response, known ? 200 : 401, {});
  }
  if (url.pathname === "/behave") {
    const { clientId, behaviour } = JSON.parse(await text(request)) as { clientId: string; behaviour: Behaviour };
    behaviours.set(clientId, behaviour);
    return json(response, 200, {});
  }
  // The user withdraws it at the provider; `access` only: the access tokens that are out.
  if (url.pathname === "/end") {
    const { clientId, access } = JSON.parse(await text(request)) as { clientId: string; access: boolean };
    const family = families.get(clientId);
    family?.accessTokens.clear();
    if (family && !access) family.alive = false;
    return json(response, 200, {});
  }
  response.writeHead(404).end();
});
server.listen(0, "127.0.0.1", () => process.send?.({ port: (server.address() as AddressInfo).port }));
process.on("disconnect", () => process.exit());
