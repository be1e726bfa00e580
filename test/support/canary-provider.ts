import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { ConnectorDefinition, SchemeDefinition } from "../../src/catalogue/types.ts";
import type { Canaries } from "./canary-search.ts";

/**
 * A provider as bad as they come: every token that it gives is a canary, and told to fail it says back whatever it was sent, secrets
 * first, in every place where an answer has room for words.
 */
export type Mood =
  | "works"
  /** 400 invalid_grant, 500 server_error, 401 invalid_client, 429 slow_down, each with a description. */
  | "refuses"
  | "fails"
  | "accuses"
  | "throttles"
  /** 200 with an error. */
  | "pretends"
  | "html"
  | "cuts"
  | "redirects";

export const BAD_MOODS = [
  "refuses",
  "fails",
  "accuses",
  "throttles",
  "pretends",
  "html",
  "cuts",
  "redirects",
] as const satisfies Mood[];

export interface CanaryProvider {
  url: string;
  /** By what is asked: `token`, `api`, `userinfo`, `revoke`, `device`, `authorize`, `hook`, `oauth1`; `works` where nothing is said. */
  moods: Record<string, Mood>;
  /** What webhooks have brought. */
  hooks: string[];
  /** What an OpenTelemetry collector at this address would have: `/v1/traces`. */
  traces: string[];
  /** How often each place was asked. */
  asked: Record<string, number>;
  close(): Promise<void>;
}

interface Said {
  url: URL;
  form: URLSearchParams;
  /** All of it in one text, secrets first. */
  echo: string;
}

interface Reply {
  status: number;
  headers?: Record<string, string>;
  /** An object is sent as JSON. */
  body?: object | string;
  /** The connection breaks in the midst of the body. */
  isCut?: boolean;
}

export async function startCanaryProvider(canaries: Canaries): Promise<CanaryProvider> {
  const server = createServer(async (request, response) => send(response, answer(await read(request))));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider: CanaryProvider = { url, moods: {}, hooks: [], traces: [], asked: {}, close };
  /** By temporary token, where the browser is to go back to. */
  const callbacks = new Map<string, string>();
  let devicePolls = 0;

  function answer(said: Said): Reply {
    const place = said.url.pathname.split("/")[1]!;
    provider.asked[place] = (provider.asked[place] ?? 0) + 1;
    if (place === "hook") provider.hooks.push(said.echo);
    if (place === "v1") provider.traces.push(said.echo);
    const mood = provider.moods[place] ?? "works";
    if (place === "authorize") return authorize(said, mood);
    if (mood !== "works") return misbehave(mood, said, fresh());
    switch (place) {
      case "token":
        return token(said);
      case "device":
        return {
          status: 200,
          body: {
            device_code: canaries.mint("device code"),
            user_code: "WDJB-MJHT",
            verification_uri: `${url}/activate`,
            expires_in: 600,
            interval: 1,
          },
        };
      case "userinfo":
        return { status: 200, body: { id: "account-1", name: "Ada", email: "ada@example.com", echo: said.echo } };
      case "oauth1":
        return oauth1(said);
      case "api":
        return { status: 200, headers: { "x-echo": inHeader(said.echo) }, body: { id: "account-1", echo: said.echo } };
      default:
        return { status: 200, body: {} };
    }
  }

  function fresh() {
    return {
      access_token: canaries.mint("access token"),
      refresh_token: canaries.mint("refresh token"),
      token_type: "Bearer",
      expires_in: 3_600,
      scope: "read write",
      surplus_secret: canaries.mint("what else stands in a token answer"),
    };
  }

  function authorize({ url: { searchParams: asked }, echo }: Said, mood: Mood): Reply {
    const oauth1Callback = callbacks.get(asked.get("oauth_token") ?? "");
    const back = new URL(oauth1Callback ?? asked.get("redirect_uri")!);
    if (oauth1Callback) {
      back.searchParams.set("oauth_token", asked.get("oauth_token")!);
      back.searchParams.set("oauth_verifier", canaries.mint("OAuth 1.0a verifier"));
    } else {
      back.searchParams.set("state", canaries.add("state", asked.get("state")!));
      if (mood === "works") back.searchParams.set("code", canaries.mint("authorization code"));
      else back.searchParams.set("error", "server_error");
      if (mood !== "works") back.searchParams.set("error_description", `You sent ${echo}`);
    }
    return { status: 303, headers: { location: back.href } };
  }

  function token({ form }: Said): Reply {
    for (const name of ["code_verifier", "assertion", "client_assertion"])
      if (form.get(name)) canaries.add(name, form.get(name)!);
    const isPoll = form.get("grant_type")?.includes("device_code");
    if (isPoll && ++devicePolls % 2)
      return { status: 400, body: { error: "authorization_pending", error_description: form.get("device_code") } };
    return { status: 200, body: fresh() };
  }

  function oauth1({ url: { pathname }, echo }: Said): Reply {
    const isTemporary = pathname.endsWith("/request");
    const kind = isTemporary ? "temporary OAuth 1.0a" : "OAuth 1.0a";
    const pair = new URLSearchParams({
      oauth_token: canaries.mint(`${kind} token`),
      oauth_token_secret: canaries.mint(`${kind} token secret`),
    });
    const callback = /oauth_callback="([^"]+)"/.exec(echo)?.[1];
    if (isTemporary) pair.set("oauth_callback_confirmed", "true");
    if (callback) callbacks.set(pair.get("oauth_token")!, decodeURIComponent(callback));
    return { status: 200, headers: { "content-type": "application/x-www-form-urlencoded" }, body: String(pair) };
  }

  async function close(): Promise<void> {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }

  return provider;
}

function send(response: ServerResponse, { status, headers = {}, body = "", isCut = false }: Reply): void {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const length: Record<string, string> = isCut ? { "content-length": String(text.length + 10_000) } : {};
  response.writeHead(status, { "content-type": "application/json", ...length, ...headers });
  if (isCut) response.write(text, () => setTimeout(() => response.destroy(), 20));
  else response.end(text);
}

function misbehave(mood: Exclude<Mood, "works">, { echo }: Said, fresh: object): Reply {
  const error = (code: string) => ({
    error: code,
    error_description: `You sent ${echo}`,
    error_uri: `https://provider.invalid/?${echo}`,
    ...fresh,
  });
  const challenge = `Bearer error="invalid_token", error_description="${inHeader(echo)}"`;
  const headers = { "x-echo": inHeader(echo), "www-authenticate": challenge };
  switch (mood) {
    case "refuses":
      return { status: 400, headers, body: error("invalid_grant") };
    case "fails":
      return { status: 500, headers, body: error("server_error") };
    case "accuses":
      return { status: 401, headers, body: error("invalid_client") };
    case "throttles":
      return { status: 429, headers: { ...headers, "retry-after": "60" }, body: error("slow_down") };
    case "pretends":
      return { status: 200, headers, body: { ...error(`no_${echo}`), access_token: undefined } };
    case "html":
      return { status: 200, headers: { "content-type": "text/html" }, body: `<p>You sent ${echo}</p>` };
    case "redirects":
      return { status: 302, headers: { location: `/elsewhere?${inHeader(echo)}` } };
    case "cuts":
      return { status: 200, body: `{"access_token": "${echo}`, isCut: true };
  }
}

async function read(request: IncomingMessage): Promise<Said> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString("utf8");
  const url = new URL(request.url!, "http://provider.invalid");
  const form = new URLSearchParams(body.startsWith("{") ? {} : body);
  const authorization = request.headers.authorization ?? "";
  const basic = Buffer.from(/^Basic (.+)$/.exec(authorization)?.[1] ?? "", "base64").toString("utf8");
  const secrets = ["refresh_token", "code", "client_secret", "device_code", "token", "code_verifier"].map(
    (name) => form.get(name) ?? "",
  );
  const echo = [
    ...secrets,
    decodeURIComponent(basic),
    authorization,
    request.headers.cookie,
    body,
    url.search,
    JSON.stringify(request.headers),
  ]
    .filter((part) => part)
    .join(" ");
  return { url, form, echo };
}

function inHeader(text: string): string {
  return encodeURIComponent(text).slice(0, 4_000);
}

/** Connectors of every scheme that a project cannot define by itself, at the provider's address. */
export function canaryConnectors(url: string): ConnectorDefinition[] {
  const schemes: SchemeDefinition[] = [
    {
      type: "OAUTH2_CLIENT_CREDENTIALS",
      key: "canary-client-credentials",
      name: "Client credentials",
      tokenUrl: `${url}/token`,
      tokenAuthMethod: "CLIENT_SECRET_POST",
      revocationUrl: `${url}/revoke`,
    },
    {
      type: "OAUTH1",
      key: "canary-oauth1",
      name: "OAuth 1.0a",
      requestTokenUrl: `${url}/oauth1/request`,
      authorizationUrl: `${url}/authorize`,
      accessTokenUrl: `${url}/oauth1/access`,
      signatureMethod: "PLAINTEXT",
      userinfoUrl: `${url}/userinfo`,
      account: { source: "userinfo", id: ["id"], name: ["name"] },
    },
    {
      type: "SIGNED_JWT",
      key: "canary-signed-jwt",
      name: "Service account",
      algorithm: "RS256",
      claims: { iss: "service-account" },
      tokenUrl: `${url}/token`,
    },
    {
      type: "SIGNED_JWT",
      key: "canary-shared-secret",
      name: "Shared secret",
      algorithm: "HS256",
      claims: { iss: "service-account" },
    },
  ];
  return schemes.map((scheme) => ({
    slug: scheme.key,
    name: scheme.name,
    description: null,
    kind: "API",
    categories: [],
    docsUrl: null,
    setupGuide: [],
    schemes: [scheme],
    api: { baseUrl: `${url}/api`, verification: { method: "GET", path: "/me" } },
  }));
}
