import { createHash } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { readBody } from "./http.ts";
import { bufferAnswer, replay } from "./replay.ts";
import { type Answer, shapeAnswer } from "./shape-answer.ts";
import { type Store, switchesFor } from "./store.ts";
import type { Switches } from "./switches.ts";
import type { TokenLog, TokenLogEntry } from "./token-log.ts";

type Handler = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

/** Stands in front of oidc-provider's token endpoint: logs each request and does what the switches say. */
export async function serveToken(next: Handler, store: Store, log: TokenLog, req: IncomingMessage, res: ServerResponse) {
  const body = await readBody(req);
  const form = new URLSearchParams(body.toString("utf8"));
  const grantType = form.get("grant_type") ?? undefined;
  const clientId = claimedClient(req, form);
  const source = findSource(store, form, clientId);
  const entry = log.begin({ clientId, grantType, refreshTokenHash: hashOf(form.get("refresh_token")) });
  const switches = holding(switchesFor(store, clientId, source?.payload.grantId), grantType);

  if (switches.tokenDelayMs) await wait(switches.tokenDelayMs, req.socket);
  if (req.socket.destroyed) return log.end(entry, "hung_up");
  const failure = toldToFail("tokenError", switches, store, clientId, source?.payload.grantId);
  if (failure) return send(req, res, shapeAnswer(failure, switches, grantType), entry, log);

  if (switches.revoked && grantType === "refresh_token" && source?.payload.grantId) store.revokeGrant(source.payload.grantId);
  if (switches.wrongNonce && source?.model === "AuthorizationCode") source.payload.nonce = "a-nonce-of-another-request";
  const answer = await bufferAnswer((buffered) => next(replay(req, body), buffered), res);
  if (switches.dropAfterCommit) {
    log.end(entry, "dropped", answer.status);
    req.socket.destroy();
    return;
  }
  send(req, res, shapeAnswer(answer, switches, grantType), entry, log, answer);
}

/** Ends early where the client hangs up, so that nothing is left waiting when the sandbox closes. */
export function wait(ms: number, socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      socket.off("close", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    socket.on("close", done);
  });
}

function holding(switches: Switches, grantType: string | undefined): Switches {
  return switches.onlyGrantType && switches.onlyGrantType !== grantType ? {} : switches;
}

/** The client that the request says it is, authenticated or not (RFC 6749 section 2.3, RFC 7523 section 2.2). */
export function claimedClient(req: IncomingMessage, form: URLSearchParams): string | undefined {
  const basic = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(req.headers.authorization ?? "")?.[1];
  if (basic)
    return new URLSearchParams(`id=${Buffer.from(basic, "base64").toString("utf8").split(":")[0] ?? ""}`).get("id") ?? undefined;
  if (form.get("client_id")) return form.get("client_id") ?? undefined;
  try {
    const claims = JSON.parse(Buffer.from(form.get("client_assertion")?.split(".")[1] ?? "", "base64url").toString("utf8"));
    return typeof claims.sub === "string" ? claims.sub : undefined;
  } catch {
    return undefined;
  }
}

const SOURCES = [
  { parameter: "code", model: "AuthorizationCode" },
  { parameter: "refresh_token", model: "RefreshToken" },
  { parameter: "device_code", model: "DeviceCode" },
];

/** What the tokens are asked for with: it names the grant, and so the switches of one authorization. */
function findSource(store: Store, form: URLSearchParams, clientId: string | undefined) {
  for (const { parameter, model } of SOURCES) {
    const payload = store.find(model, form.get(parameter) ?? "");
    if (payload && payload.clientId === clientId) return { model, payload };
  }
  return undefined;
}

/** The answer that a switch wants instead of any work; undefined: none does. */
export function toldToFail(
  kind: "tokenError" | "revocationError",
  switches: Switches,
  store: Store,
  clientId?: string,
  grantId?: string,
): Answer | undefined {
  const told = switches[kind];
  if (!told) return undefined;
  if (told.times !== undefined) useUp(kind, store, clientId, grantId);
  const headers: Record<string, string> = { "content-type": "application/json; charset=utf-8", "cache-control": "no-store" };
  if (told.retryAfterSeconds !== undefined) headers["retry-after"] = String(told.retryAfterSeconds);
  const body = JSON.stringify({ error: told.error, error_description: told.description });
  return { status: told.status, headers, body };
}

function useUp(kind: "tokenError" | "revocationError", store: Store, clientId = "", grantId = ""): void {
  const holders = [store.grantSwitches.get(grantId), store.clientSwitches.get(clientId)];
  const switches = holders.find((candidate) => candidate?.[kind]);
  const told = switches?.[kind];
  if (!switches || !told?.times) return;
  if (told.times > 1) switches[kind] = { ...told, times: told.times - 1 };
  else delete switches[kind];
  store.changed();
}

function send(
  req: IncomingMessage,
  res: ServerResponse,
  shaped: Answer,
  entry: TokenLogEntry,
  log: TokenLog,
  original = shaped,
): void {
  log.end(entry, outcomeOf(original), shaped.status);
  const body = Buffer.from(shaped.body);
  res.writeHead(shaped.status, { ...shaped.headers, "content-length": String(body.length) });
  if (!shaped.truncated) {
    res.end(body);
    return;
  }
  res.write(body.subarray(0, Math.floor(body.length / 2)), () => req.socket.destroy());
}

function outcomeOf(answer: Answer): string {
  if (answer.status < 400) return "ok";
  try {
    return String((JSON.parse(answer.body) as { error?: unknown }).error ?? answer.status);
  } catch {
    return String(answer.status);
  }
}

function hashOf(token: string | null): string | undefined {
  return token ? createHash("sha256").update(token).digest("hex").slice(0, 16) : undefined;
}
