import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingMessage, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { TestApp } from "./app.ts";
import { run } from "./graphql.ts";
import type { StaticApi } from "./static-api.ts";
import { ask, createTypedConfig, made, type SchemeInput } from "./typed.ts";

/** A call as the API saw it. */
export interface Arrived {
  method: string;
  /** The request line's target, untouched. */
  target: string;
  headers: IncomingMessage["headers"];
  rawHeaders: string[];
  body: string;
}

export interface ProxiedApi {
  url: string;
  /** Every call in order whose body was read by us. */
  seen: Arrived[];
  /** How it answers; `body` has been read, unless `streams` is set. */
  answer(request: IncomingMessage, response: ServerResponse, body: string): unknown;
  /** Bodies are left to `answer`. */
  streams: boolean;
  /** How many connections there have been. */
  connections: number;
  reset(): void;
  close(): Promise<void>;
}

/** A connector's API on this machine, below `/base` of its origin. */
export async function startProxiedApi(): Promise<ProxiedApi> {
  const server = createServer(async (incoming, response) => {
    const body = api.streams ? "" : await text(incoming).catch(() => "");
    const { method = "", url: target = "", headers, rawHeaders } = incoming;
    api.seen.push({ method, target, headers, rawHeaders, body });
    await Promise.resolve(api.answer(incoming, response, body)).catch(() => response.destroy());
  });
  server.on("connection", () => {
    api.connections += 1;
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const plain: ProxiedApi["answer"] = (_request, response) => {
    response.writeHead(200, { "content-type": "application/json" });
    response.end('{"ok":true}');
  };
  const api: ProxiedApi = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/base`,
    seen: [],
    answer: plain,
    streams: false,
    connections: 0,
    reset: () => Object.assign(api, { seen: [], answer: plain, streams: false }),
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return api;
}

export interface ProxyAnswer {
  status: number;
  headers: IncomingMessage["headers"];
  rawHeaders: string[];
  body: string;
  /** The body as JSON. */
  json(): { error?: { code: string; message: string } } & Record<string, unknown>;
}

export interface ProxyCall {
  key: string | null;
  /** `cred_…`; null: no header. */
  credential: string | null;
  method?: string;
  headers?: Record<string, string | string[]> | string[];
  body?: string | Buffer | Readable | null;
  signal?: AbortSignal;
}

/** Sends a call through the proxy with its target as it stands: `fetch` would tidy it up. */
export async function viaProxy(app: Pick<TestApp, "url">, target: string, call: ProxyCall): Promise<ProxyAnswer> {
  const response = await openViaProxy(app, target, call);
  const body = await text(response);
  const { headers, rawHeaders, statusCode: status = 0 } = response;
  return { status, headers, rawHeaders, body, json: () => JSON.parse(body) };
}

/** The same with the answer's body still to be read. */
export async function openViaProxy(app: Pick<TestApp, "url">, target: string, call: ProxyCall): Promise<IncomingMessage> {
  const { hostname, port } = new URL(app.url);
  const ours = [
    ...(call.key === null ? [] : ["Authorization", `Bearer ${call.key}`]),
    ...(call.credential === null ? [] : ["Moorline-Credential", call.credential]),
  ];
  const given = Array.isArray(call.headers) ? call.headers : Object.entries(call.headers ?? {}).flatMap(pairs);
  const isAtHand = typeof call.body === "string" || call.body instanceof Buffer;
  if (isAtHand) given.push("Content-Length", String(Buffer.byteLength(call.body as string)));
  const outgoing = request({
    host: hostname === "localhost" ? "127.0.0.1" : hostname,
    port,
    path: target,
    method: call.method ?? "GET",
    headers: ["Host", `${hostname}:${port}`, ...ours, ...given],
    signal: call.signal,
    agent: false,
  });
  const answered = once(outgoing, "response");
  // What goes wrong after the answer began, its reader meets.
  outgoing.on("error", () => {});
  if (call.body instanceof Readable) call.body.pipe(outgoing);
  else outgoing.end(call.body ?? undefined);
  const [response] = await answered;
  return response as IncomingMessage;
}

function pairs([name, value]: [string, string | string[]]): string[] {
  return [value].flat().flatMap((one) => [name, one]);
}

/** A credential of a user whose secret somebody typed, at a connector of that API without a call to test with. */
export async function typedCredential(
  app: TestApp,
  api: Pick<ProxiedApi, "url">,
  userId: string,
  scheme: SchemeInput = { bearerToken: {} },
  fields: object = { token: "typed-secret-0123456789" },
  options: { testable?: boolean; key?: string } = {},
) {
  const { key = app.adminKey, testable = false } = options;
  const config = await createTypedConfig(app, key, api as StaticApi, scheme, { testable });
  const credential = await made(ask(app, key, "createCredential", { target: config.target, user: { id: userId }, fields }));
  return { ...config, id: credential.id };
}

/** An API key of the project, narrowed or not. */
export async function createKey(app: TestApp, input: object): Promise<string> {
  const { createApiKey } = await run<{ createApiKey: { key?: string; message?: string } }, object>(
    app,
    app.adminKey,
    `mutation ProxyKey($input: CreateApiKeyInput!) {
      createApiKey(input: $input) { ... on CreateApiKeyPayload { key } ... on UserError { message } }
    }`,
    { input: { name: `Key ${Math.random()}`, role: "DEVELOPER", ...input } },
  );
  if (!createApiKey.key) throw new Error(`No key came: ${createApiKey.message}`);
  return createApiKey.key;
}

/** A credential with tokens at a connector of that API, whose token endpoint is `/token` beside it. */
export async function grantCredential(app: TestApp, api: Pick<ProxiedApi, "url">, userId: string, fields: object) {
  const { origin } = new URL(api.url);
  const oauth2 = { authorizationUrl: `${origin}/authorize`, tokenUrl: `${origin}/token`, scope: "all" };
  const slug = `grant-${randomUUID().slice(0, 8)}`;
  const verification = { method: "GET", path: "/me" };
  const input = { slug, name: slug, baseUrl: api.url, scheme: { oauth2 }, verification };
  const { connector } = await ask(app, app.adminKey, "createConnector", input);
  const config = { connectorSlug: slug, name: slug, clientId: "proxied", clientSecret: "client-secret-0123456789" };
  const { authConfig } = await ask(app, app.adminKey, "createAuthConfig", config);
  const target = { authConfigId: authConfig!.id };
  const credential = await made(ask(app, app.adminKey, "importCredential", { target, user: { id: userId }, fields }));
  return { id: credential.id, connector: connector!, authConfigId: authConfig!.id };
}
