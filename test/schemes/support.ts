import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ConnectorDefinition, OAuth2SchemeDefinition } from "../../src/catalogue/types.ts";
import { type EgressErrorCode, egressError } from "../../src/egress/errors.ts";
import { Secret } from "../../src/lib/secret.ts";
import type { Fetch, OAuth2Client } from "../../src/schemes/oauth2/index.ts";

/** A request as the simulated provider saw it. */
export interface Seen {
  method: string;
  /** The URL that was asked for, with the provider's real host. */
  url: URL;
  headers: IncomingMessage["headers"];
  /** What the client would present on a real connection (PEM). */
  certificate?: string;
  body: string;
  /** The body as a form or as JSON, by its content type. */
  parameters: Record<string, string>;
}

export interface Reply {
  status?: number;
  headers?: Record<string, string>;
  /** An object is sent as JSON, a text as it is. */
  body?: unknown;
  /** Send half of the body, then cut the connection. */
  cut?: boolean;
}

/** A provider on a real socket; `fetch` leads every host to it and tells it which host was meant. */
export interface SimulatedProvider extends AsyncDisposable {
  fetch: Fetch;
  seen: Seen[];
  origin: string;
}

export async function simulateProvider(answer: (request: Seen) => Reply | undefined): Promise<SimulatedProvider> {
  const seen: Seen[] = [];
  const server = createServer((req, res) => void serve(req, res, seen, answer));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    seen,
    origin,
    async fetch(url, init) {
      const target = new URL(url);
      const headers = new Headers(init.headers);
      headers.set("x-simulated-origin", target.origin);
      const { timeoutMs, maxBytes: _limit, tls, ...rest } = init;
      if (tls) headers.set("x-simulated-certificate", Buffer.from(tls.cert).toString("base64"));
      const signal = timeoutMs ? AbortSignal.timeout(timeoutMs) : null;
      return fetch(`${origin}${target.pathname}${target.search}`, { ...rest, headers, signal });
    },
    [Symbol.asyncDispose]: () => close(server),
  };
}

/** Fails like the egress door. */
export function brokenFetch(code: EgressErrorCode, requestSent = false): Fetch {
  return () => Promise.reject(egressError(code, "provider.example", { requestSent }));
}

export function client(scheme: Partial<OAuth2SchemeDefinition> = {}, more: Partial<OAuth2Client> = {}): OAuth2Client {
  return {
    scheme: {
      type: "OAUTH2",
      key: "oauth2",
      name: "OAuth 2",
      authorizationUrl: "https://provider.example/authorize",
      tokenUrl: "https://provider.example/token",
      scopes: [],
      tokenAuthMethod: "CLIENT_SECRET_BASIC",
      ...scheme,
    },
    values: {},
    clientId: "client-1",
    clientSecret: new Secret("s3cret"),
    redirectUri: "https://moorline.example/oauth/callback/provider",
    ...more,
  };
}

export const FLOW = { state: "state-1", nonce: "nonce-1", codeVerifier: "v".repeat(43), scopes: ["a", "b"] };

export function callback(parameters: Record<string, string> = {}): URLSearchParams {
  return new URLSearchParams({ code: "code-1", state: FLOW.state, ...parameters });
}

/** Catches what a promise rejects with; fails the test where it does not reject. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  try {
    await promise;
  } catch (error) {
    return error;
  }
  throw new Error("It was expected to fail, and did not.");
}

async function serve(req: IncomingMessage, res: ServerResponse, seen: Seen[], answer: (request: Seen) => Reply | undefined) {
  let body = "";
  for await (const chunk of req) body += chunk;
  const url = new URL(req.url ?? "/", String(req.headers["x-simulated-origin"]));
  const json = req.headers["content-type"]?.includes("json") ?? false;
  const parameters = json ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(body));
  const { "x-simulated-certificate": shown, ...headers } = req.headers;
  const certificate = shown && Buffer.from(String(shown), "base64").toString();
  const request: Seen = { method: req.method ?? "", url, headers, ...(certificate && { certificate }), body, parameters };
  seen.push(request);
  const reply = answer(request) ?? { status: 404, body: { error: "not_found" } };
  const text = typeof reply.body === "string" ? reply.body : JSON.stringify(reply.body ?? {});
  const answered = { "content-type": "application/json", ...reply.headers };
  if (reply.cut) {
    res.writeHead(200, { ...answered, "content-length": String(text.length) }).write(text.slice(0, text.length / 2));
    setTimeout(() => res.destroy(), 20);
  } else res.writeHead(reply.status ?? 200, answered).end(text);
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise<void>((resolve) => server.close(() => resolve()));
}

/** The first scheme of a connector that signs in with OAuth 2. */
export function oauth2SchemeOf(definition: Pick<ConnectorDefinition, "schemes"> | null | undefined): OAuth2SchemeDefinition {
  const [scheme] = definition?.schemes ?? [];
  if (scheme?.type !== "OAUTH2") throw new Error("The connector's first scheme is not OAuth 2.");
  return scheme;
}

/** Connectors whose flow is tested with answers as their documentation has them; the others' with answers made from their data. */
export const BY_HAND: readonly string[] = [
  "atlassian",
  "dropbox",
  "github",
  "google",
  "hubspot",
  "linear",
  "microsoft",
  "notion",
  "salesforce",
  "sandbox",
  "shopify",
  "slack",
  "zoho",
];
