import { createHmac, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { ConnectorDefinition, OAuth1SchemeDefinition } from "../../src/catalogue/types.ts";

/** A provider of OAuth 1.0a (RFC 5849) that checks every signature by code of its own, each nonce once. */
export interface OAuth1Provider extends AsyncDisposable {
  url: string;
  client: { clientId: string; clientSecret: string };
  /** Every signed request that was accepted or refused: path and status. */
  seen: string[];
  /** What the last request for temporary credentials carried: its callback and its own parameters. */
  asked: { callback: string; parameters: Record<string, string> };
  /** Who is signed in at the browser. */
  account: { id: string; name: string };
  /** What the person does, or what the provider does instead. */
  decide: "allow" | "denied" | "user_refused" | "other_token" | "wrong_verifier";
  /** So the provider speaks 1.0, without the confirmation of the callback. */
  unconfirmed: boolean;
  /** Answers every request for credentials with this status. */
  outage: number | null;
  connector(slug: string): ConnectorDefinition;
}

interface Token {
  secret: string;
  callback?: string;
  verifier?: string;
  account?: { id: string; name: string };
}

type Pairs = [string, string][];

const strict = (value: string) =>
  encodeURIComponent(value).replace(/[!*'()]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);

function parseHeader(header: string): Map<string, string> {
  const parts = header.startsWith("OAuth ") ? header.slice(6).split(/,\s*/) : [];
  return new Map(
    parts
      .map((part) => part.split(/=(.*)/s))
      .map(([name, value]) => [decodeURIComponent(name!), decodeURIComponent(value!.slice(1, -1))]),
  );
}

/** RFC 5849 section 3.4, from the request as it arrived. */
function expectedSignature(
  request: IncomingMessage,
  body: string,
  oauth: Map<string, string>,
  secrets: [string, string],
  origin: string,
): string {
  const key = secrets.map(strict).join("&");
  const method = oauth.get("oauth_signature_method");
  if (method === "PLAINTEXT") return key;
  const url = new URL(request.url!, origin);
  const isForm = request.headers["content-type"]?.startsWith("application/x-www-form-urlencoded");
  const pairs: Pairs = [
    ...url.searchParams,
    ...[...oauth].filter(([name]) => name !== "oauth_signature"),
    ...(isForm ? new URLSearchParams(body) : []),
  ].map(([name, value]) => [strict(name), strict(value)]);
  pairs.sort((a, b) => (a[0] === b[0] ? (a[1] < b[1] ? -1 : 1) : a[0] < b[0] ? -1 : 1));
  const base = [request.method!, `${url.origin}${url.pathname}`, pairs.map((pair) => pair.join("=")).join("&")]
    .map(strict)
    .join("&");
  return createHmac(method === "HMAC-SHA256" ? "sha256" : "sha1", key)
    .update(base)
    .digest("base64");
}

export async function startOAuth1Provider(): Promise<OAuth1Provider> {
  const temporary = new Map<string, Token>();
  const tokens = new Map<string, Token>();
  const nonces = new Set<string>();
  const random = () => randomBytes(12).toString("base64");

  /** The parameters of the header, or why the request is refused. */
  function verify(
    request: IncomingMessage,
    body: string,
    known: Map<string, Token> | null,
  ): { oauth: Map<string, string>; token: Token | null } | string {
    const oauth = parseHeader(request.headers.authorization ?? "");
    if (oauth.get("oauth_consumer_key") !== provider.client.clientId) return "consumer_key_unknown";
    const token = known?.get(oauth.get("oauth_token") ?? "") ?? null;
    if (known && !token) return "token_rejected";
    const age = Math.abs(Date.now() / 1000 - Number(oauth.get("oauth_timestamp")));
    if (!(age < 300)) return "timestamp_refused";
    const nonce = `${oauth.get("oauth_timestamp")} ${oauth.get("oauth_nonce")}`;
    if (nonces.has(nonce)) return "nonce_used";
    nonces.add(nonce);
    const expected = expectedSignature(request, body, oauth, [provider.client.clientSecret, token?.secret ?? ""], provider.url);
    return oauth.get("oauth_signature") === expected ? { oauth, token } : "signature_invalid";
  }

  function refuse(request: IncomingMessage, response: ServerResponse, status: number, problem: string): void {
    provider.seen.push(`${request.url!.split("?")[0]} ${status} ${problem}`);
    response
      .writeHead(status, { "www-authenticate": `OAuth realm="test", oauth_problem="${problem}"` })
      .end(`oauth_problem=${problem}`);
  }

  function form(response: ServerResponse, members: Record<string, string>): void {
    response.writeHead(200, { "content-type": "text/html" }).end(new URLSearchParams(members).toString());
  }

  function authorize(response: ServerResponse, token: string): void {
    const asked = temporary.get(token);
    if (!asked) return void response.writeHead(400).end("no such token");
    const back = new URL(asked.callback!);
    asked.verifier = random();
    asked.account = provider.account;
    const { decide } = provider;
    if (decide === "denied") back.searchParams.set("denied", token);
    else if (decide === "user_refused") back.searchParams.set("oauth_problem", "user_refused");
    else {
      back.searchParams.set("oauth_token", decide === "other_token" ? "somebody-elses" : token);
      back.searchParams.set("oauth_verifier", decide === "wrong_verifier" ? "wrong" : asked.verifier);
    }
    response.writeHead(302, { location: back.href }).end();
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const body = await text(request);
    const { pathname, searchParams } = new URL(request.url!, provider.url);
    if (pathname === "/authorize") return authorize(response, searchParams.get("oauth_token") ?? "");
    const asksForCredentials = pathname === "/initiate" || pathname === "/token";
    if (asksForCredentials && provider.outage) return void response.writeHead(provider.outage).end("<h1>later</h1>");
    const checked = verify(request, body, pathname === "/initiate" ? null : pathname === "/token" ? temporary : tokens);
    if (typeof checked === "string") return refuse(request, response, 401, checked);
    const { oauth, token } = checked;
    if (pathname === "/initiate") {
      const callback = oauth.get("oauth_callback") ?? "";
      if (!callback.startsWith("http://localhost")) return refuse(request, response, 400, "parameter_absent");
      const name = random();
      temporary.set(name, { secret: random(), callback });
      provider.asked = { callback, parameters: Object.fromEntries(new URLSearchParams(body)) };
      const confirmed: Record<string, string> = provider.unconfirmed ? {} : { oauth_callback_confirmed: "true" };
      provider.seen.push("/initiate 200");
      return form(response, { oauth_token: name, oauth_token_secret: temporary.get(name)!.secret, ...confirmed });
    }
    if (pathname === "/token") {
      if (oauth.get("oauth_verifier") !== token!.verifier) return refuse(request, response, 401, "verifier_invalid");
      temporary.delete(oauth.get("oauth_token")!);
      const name = random();
      tokens.set(name, { secret: random(), account: token!.account });
      provider.seen.push("/token 200");
      const { id, name: screen_name } = token!.account!;
      return form(response, {
        oauth_token: name,
        oauth_token_secret: tokens.get(name)!.secret,
        user_id: id,
        screen_name,
        site: "eu1",
      });
    }
    provider.seen.push(`${request.method} ${pathname} 200`);
    const answer = { ...token!.account, query: [...searchParams], body };
    response.writeHead(200, { "content-type": "application/json" }).end(JSON.stringify(answer));
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const scheme = (key: string, more: Partial<OAuth1SchemeDefinition>): OAuth1SchemeDefinition => ({
    type: "OAUTH1",
    key,
    name: "OAuth 1.0a",
    requestTokenUrl: `${url}/initiate`,
    authorizationUrl: `${url}/authorize`,
    accessTokenUrl: `${url}/token`,
    userinfoUrl: `${url}/api/me?include=name&fields=a%20b`,
    signatureMethod: "HMAC-SHA1",
    account: { source: "tokenAnswer", id: ["user_id"], name: ["screen_name"] },
    ...more,
  });

  const provider: OAuth1Provider = {
    url,
    client: { clientId: "consumer & key", clientSecret: "consumer+secret/=" },
    seen: [],
    asked: { callback: "", parameters: {} },
    account: { id: "17", name: "Ada" },
    decide: "allow",
    unconfirmed: false,
    outage: null,
    connector: (slug) => ({
      slug,
      name: "Old Provider",
      description: null,
      kind: "API",
      categories: ["crm"],
      docsUrl: null,
      setupGuide: [],
      schemes: [
        scheme("oauth1", {
          requestTokenParameters: { scope: "read & write" },
          authorizationParameters: { perms: "read" },
          discovered: [{ name: "site", from: "tokenAnswer", path: "site", pattern: "^(?:eu1|us1)$" }],
        }),
        scheme("sha256", { signatureMethod: "HMAC-SHA256", account: { source: "userinfo", id: ["id"], name: ["name"] } }),
        scheme("plaintext", { signatureMethod: "PLAINTEXT", account: { source: "userinfo", id: ["id"], name: ["name"] } }),
      ],
      api: {
        baseUrl: `${url}/api`,
        headers: { "x-site": "{connection.site|none}" },
        verification: { method: "GET", path: "/me?a=1" },
      },
    }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return provider;
}
