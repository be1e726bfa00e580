import { randomUUID } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Provider } from "oidc-provider";
import { findAccount } from "./accounts.ts";
import { HttpError, readJson, sendJson } from "./http.ts";
import type { Store } from "./store.ts";

interface Caller {
  /** The account, or the client where the token was issued to a client alone. */
  id: string;
  name: string;
  email: string | null;
  scopes: Set<string>;
}

const NOTES_KEPT = 100;

/** The API that access tokens are good for (bearer tokens of RFC 6750). */
export async function serveApi(provider: Provider, store: Store, req: IncomingMessage, res: ServerResponse, path: string) {
  const caller = await authenticate(provider, req);
  if (!caller)
    return challenge(
      res,
      401,
      'error="invalid_token", error_description="The access token is missing, has run out or was revoked."',
    );
  switch (`${req.method} ${path}`) {
    case "GET /api/me":
      return sendJson(res, 200, { id: caller.id, name: caller.name, email: caller.email });
    case "GET /api/notes":
      if (!caller.scopes.has("notes:read")) return lacking(res, "notes:read");
      return sendJson(res, 200, { notes: store.notes.get(caller.id) ?? [] });
    case "POST /api/notes":
      if (!caller.scopes.has("notes:write")) return lacking(res, "notes:write");
      return sendJson(res, 201, addNote(store, caller.id, await readJson(req)));
    default:
      throw new HttpError(404, "There is no such route in the sandbox's API.");
  }
}

async function authenticate(provider: Provider, req: IncomingMessage): Promise<Caller | undefined> {
  const token = /^Bearer +([A-Za-z0-9._~+/-]+=*)$/i.exec(req.headers.authorization ?? "")?.[1];
  if (!token) return undefined;
  const access = await provider.AccessToken.find(token);
  const account = access ? findAccount(access.accountId) : undefined;
  if (access && account && access.grantId && (await provider.Grant.find(access.grantId)))
    return { ...account, scopes: scopesOf(access.scope) };
  const machine = await provider.ClientCredentials.find(token);
  const id = machine?.clientId;
  return id ? { id: `client:${id}`, name: id, email: null, scopes: scopesOf(machine.scope) } : undefined;
}

function scopesOf(scope: string | undefined): Set<string> {
  return new Set(scope?.split(" "));
}

function addNote(store: Store, owner: string, body: unknown) {
  const text = (body as { text?: unknown } | null)?.text;
  if (typeof text !== "string" || text.length < 1 || text.length > 1000)
    throw new HttpError(400, 'Send {"text": "…"} with 1 to 1000 characters.');
  const note = { id: randomUUID(), text, createdAt: new Date().toISOString() };
  store.notes.set(owner, [...(store.notes.get(owner) ?? []), note].slice(-NOTES_KEPT));
  store.changed();
  return note;
}

function lacking(res: ServerResponse, scope: string): void {
  challenge(res, 403, `error="insufficient_scope", error_description="The access token lacks a scope.", scope="${scope}"`);
}

function challenge(res: ServerResponse, status: number, parameters: string): void {
  const error = /error="(\w+)"/.exec(parameters)?.[1];
  sendJson(res, status, { error }, { "www-authenticate": `Bearer realm="sandbox", ${parameters}` });
}
