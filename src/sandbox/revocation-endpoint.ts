import type { IncomingMessage, ServerResponse } from "node:http";
import { readBody } from "./http.ts";
import { bufferAnswer, replay } from "./replay.ts";
import { type Store, switchesFor } from "./store.ts";
import { claimedClient, toldToFail, wait } from "./token-endpoint.ts";

/** One request that the revocation endpoint (RFC 7009) saw. No token is kept. */
export interface RevocationLogEntry {
  /** ISO 8601, when the request arrived. */
  at: string;
  /** As the request claims; null where it names none. */
  clientId: string | null;
  /** `token_type_hint`; null: none was given. */
  hint: string | null;
  /** HTTP status as sent; null while pending, and for ever where the client hung up. */
  status: number | null;
}

export interface RevocationLog {
  add(entry: RevocationLogEntry): void;
  /** Oldest first, at most the last 10,000. */
  list(): RevocationLogEntry[];
  clear(): void;
}

const KEEP = 10_000;

export function createRevocationLog(): RevocationLog {
  let entries: RevocationLogEntry[] = [];
  return {
    add(entry) {
      entries.push(entry);
      if (entries.length > KEEP * 1.1) entries = entries.slice(-KEEP);
    },
    list: () => entries.slice(-KEEP).map((entry) => ({ ...entry })),
    clear() {
      entries = [];
    },
  };
}

type Handler = (req: IncomingMessage, res: ServerResponse) => Promise<void>;

/** Stands in front of oidc-provider's revocation endpoint: logs each request and does what the switches say. */
export async function serveRevocation(
  next: Handler,
  store: Store,
  log: RevocationLog,
  req: IncomingMessage,
  res: ServerResponse,
): Promise<void> {
  const body = await readBody(req);
  const form = new URLSearchParams(body.toString("utf8"));
  const clientId = claimedClient(req, form);
  const entry: RevocationLogEntry = {
    at: new Date().toISOString(),
    clientId: clientId ?? null,
    hint: form.get("token_type_hint"),
    status: null,
  };
  log.add(entry);
  const grantId = grantOf(store, form.get("token") ?? "");
  const switches = switchesFor(store, clientId, grantId);
  if (switches.revocationDelayMs) await wait(switches.revocationDelayMs, req.socket);
  if (req.socket.destroyed) return;
  const answer =
    toldToFail("revocationError", switches, store, clientId, grantId) ??
    (await bufferAnswer((buffered) => next(replay(req, body), buffered), res));
  entry.status = answer.status;
  res.writeHead(answer.status, { ...answer.headers, "content-length": String(Buffer.byteLength(answer.body)) }).end(answer.body);
}

/** A token names its grant, and so the switches of one authorization. */
function grantOf(store: Store, token: string): string | undefined {
  return (store.find("RefreshToken", token) ?? store.find("AccessToken", token))?.grantId;
}
