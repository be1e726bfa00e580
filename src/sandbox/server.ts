import { randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Provider } from "oidc-provider";
import type { Logger } from "../lib/log.ts";
import { findAccount } from "./accounts.ts";
import { createControl, type SandboxControl } from "./control.ts";
import { serveControl } from "./control-routes.ts";
import { HttpError, readBody, sendJson } from "./http.ts";
import { serveInteraction } from "./interactions.ts";
import { homePage, PAGE_HEADERS, picture } from "./pages.ts";
import { createProvider } from "./provider.ts";
import { replay } from "./replay.ts";
import { createRevocationLog, type RevocationLog, serveRevocation } from "./revocation-endpoint.ts";
import { serveApi } from "./sample-api.ts";
import { createStore, type Store } from "./store.ts";
import { serveToken } from "./token-endpoint.ts";
import { createTokenLog, type TokenLog } from "./token-log.ts";

export type { ClientInput, ClientPatch, SandboxClient, SandboxControl } from "./control.ts";
export type { RevocationLogEntry } from "./revocation-endpoint.ts";
export type { Switches } from "./switches.ts";
export type { TokenLogEntry } from "./token-log.ts";

export const DEFAULT_CLIENT_ID = "moorline-sandbox";

export interface SandboxOptions {
  /** 0 takes any free port. */
  port: number;
  /** A loopback address or `localhost`; 127.0.0.1 by default. */
  host?: string;
  log?: Logger;
  /** The default client's redirect URIs, registered exactly as written. */
  publicRedirectUris?: string[];
  /** The default client's secret; otherwise made up, or as in the state file. */
  clientSecret?: string;
  /** A JSON file that remembers keys, clients, grants and tokens over restarts; created if need be, readable by its owner only. */
  stateFile?: string;
}

export interface Sandbox {
  /** `http://127.0.0.1:PORT`, the OpenID Connect issuer and the address of the pages. */
  issuer: string;
  port: number;
  defaultClient: { clientId: string; clientSecret: string };
  control: SandboxControl;
  /** Writes the state file and cuts all connections. */
  close(): Promise<void>;
}

interface Parts {
  issuer: string;
  provider: Provider;
  callback: (req: IncomingMessage, res: ServerResponse) => Promise<void>;
  store: Store;
  tokenLog: TokenLog;
  revocationLog: RevocationLog;
  control: SandboxControl;
  defaultClient: Sandbox["defaultClient"];
}

const LOOPBACK = /^(127(\.\d{1,3}){3}|::1|localhost)$/;

/** Starts the sandbox provider. Throws where the host is not loopback, the port is taken or the state file is unusable. */
export async function startSandbox(options: SandboxOptions): Promise<Sandbox> {
  const host = options.host ?? "127.0.0.1";
  if (!LOOPBACK.test(host)) throw new Error(`The sandbox provider listens on loopback only; ${host} is not. Use 127.0.0.1.`);
  const store = await createStore(options);
  let parts: Parts | undefined;
  const server = createServer((req, res) => {
    if (parts) void serve(parts, req, res, options.log);
    else res.writeHead(503).end();
  });
  const port = await listen(server, options.port, host);
  const issuer = `http://${host.includes(":") ? `[${host}]` : host}:${port}`;
  try {
    parts = await assemble(issuer, store, options);
  } catch (error) {
    server.close();
    throw error;
  }
  const { control, defaultClient } = parts;
  return { issuer, port, defaultClient, control, close: () => close(server, store) };
}

async function assemble(issuer: string, store: Store, options: SandboxOptions): Promise<Parts> {
  const provider = createProvider(issuer, store, options.log);
  const tokenLog = createTokenLog();
  const revocationLog = createRevocationLog();
  const control = createControl(provider, store, tokenLog, revocationLog);
  const known = store.find("Client", DEFAULT_CLIENT_ID);
  const clientSecret = options.clientSecret ?? known?.client_secret ?? randomBytes(32).toString("base64url");
  const redirectUris = [...(options.publicRedirectUris ?? known?.redirect_uris ?? [])];
  await control.createClient({ clientId: DEFAULT_CLIENT_ID, clientSecret, clientName: "Moorline", redirectUris });
  const callback = provider.callback() as Parts["callback"];
  return {
    issuer,
    provider,
    callback,
    store,
    tokenLog,
    revocationLog,
    control,
    defaultClient: { clientId: DEFAULT_CLIENT_ID, clientSecret },
  };
}

async function serve(parts: Parts, req: IncomingMessage, res: ServerResponse, log?: Logger): Promise<void> {
  try {
    await route(parts, req, res);
  } catch (error) {
    const status = error instanceof HttpError ? error.status : 500;
    if (status === 500 && !req.socket.destroyed) log?.error({ err: error }, "The sandbox failed to serve a request.");
    if (res.headersSent) req.socket.destroy();
    else
      sendJson(res, status, {
        error: status === 500 ? "server_error" : "invalid_request",
        message: error instanceof HttpError ? error.message : "The sandbox failed. Its log says more.",
      });
  }
}

async function route(parts: Parts, req: IncomingMessage, res: ServerResponse): Promise<void> {
  const { issuer, provider, store, callback } = parts;
  const url = URL.parse(req.url ?? "/", issuer);
  if (!url) throw new HttpError(400, "The address is not valid.");
  const path = url.pathname;
  if (path === "/" && req.method === "GET") {
    res.writeHead(200, PAGE_HEADERS).end(homePage({ issuer, ...parts.defaultClient }));
  } else if (path.startsWith("/interaction/")) await serveInteraction(provider, store, req, res);
  else if (path.startsWith("/control/")) await serveControl(parts.control, issuer, req, res, path);
  else if (path.startsWith("/api/")) await serveApi(provider, store, req, res, path);
  else if (path.startsWith("/people/")) sendPicture(res, path);
  else if (path === "/token" && req.method === "POST") await serveToken(callback, store, parts.tokenLog, req, res);
  else if (path === "/token/revocation" && req.method === "POST")
    await serveRevocation(callback, store, parts.revocationLog, req, res);
  else if (path === "/request" && req.method === "POST") await callback(await askForConsent(req), res);
  else {
    if (path === "/auth" && wantsConsentPrompt(url.searchParams)) req.url = `${path}?${withConsentPrompt(url.searchParams)}`;
    await callback(req, res);
  }
}

/**
 * Consent is always asked here, but oidc-provider grants offline_access only to requests that ask for it in so many words
 * (OpenID Connect Core section 11). As most real providers don't insist, `prompt=consent` is put in.
 */
function wantsConsentPrompt(parameters: URLSearchParams): boolean {
  const prompts = (parameters.get("prompt") ?? "").split(" ");
  const offline = (parameters.get("scope") ?? "").split(" ").includes("offline_access");
  return offline && !prompts.includes("none") && !prompts.includes("consent");
}

function withConsentPrompt(parameters: URLSearchParams): string {
  const changed = new URLSearchParams(parameters);
  changed.set("prompt", `${parameters.get("prompt") ?? ""} consent`.trim());
  return changed.toString();
}

async function askForConsent(req: IncomingMessage): Promise<IncomingMessage> {
  const body = await readBody(req);
  const form = new URLSearchParams(body.toString("utf8"));
  return replay(req, wantsConsentPrompt(form) ? Buffer.from(withConsentPrompt(form)) : body);
}

function sendPicture(res: ServerResponse, path: string): void {
  const account = findAccount(/^\/people\/([\w-]+)\.svg$/.exec(path)?.[1] ?? "");
  if (!account) throw new HttpError(404, "There is no such person.");
  res.writeHead(200, {
    "content-type": "image/svg+xml; charset=utf-8",
    "content-security-policy": "default-src 'none'; sandbox",
    "x-content-type-options": "nosniff",
  });
  res.end(picture(account));
}

function listen(server: Server, port: number, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => {
      server.off("error", reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

async function close(server: Server, store: Store): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
  await store.close();
}
