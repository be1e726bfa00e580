import { generateKeyPairSync, type KeyObject, randomUUID, verify } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface GoogleCall {
  method: string;
  host: string;
  /** With its query. */
  target: string;
  body: string;
}

export interface NativeGoogle {
  /** By name: see routeHosts. */
  url: string;
  /** A new service account's key file. */
  keyFile(change?: object): string;
  /** Forgets every account. */
  forget(): void;
  /** What the API answers to a call with a token that was given out. */
  api(call: GoogleCall): [status: number, answer: object];
  seen: GoogleCall[];
  /** Seconds that the server's clock is ahead of ours. */
  ahead: number;
  close(): Promise<void>;
}

interface Claims {
  iss: string;
  aud: string;
  scope: string;
  iat: number;
  exp: number;
}

/** Google's token endpoint, which checks every assertion (RFC 7523 section 3), and its APIs, which take the tokens. */
export async function startNativeGoogle(): Promise<NativeGoogle> {
  const accounts = new Map<string, KeyObject>();
  const tokens = new Set<string>();

  function exchange(body: URLSearchParams, host: string): [status: number, answer: object] {
    const refuse = (description: string): [number, object] => [400, { error: "invalid_grant", error_description: description }];
    if (body.get("grant_type") !== "urn:ietf:params:oauth:grant-type:jwt-bearer")
      return [400, { error: "unsupported_grant_type" }];
    const [header = "", payload = "", signature = ""] = (body.get("assertion") ?? "").split(".");
    const read = (part: string) => JSON.parse(Buffer.from(part, "base64url").toString());
    const claims: Claims = read(payload);
    const key = accounts.get(claims.iss);
    if (!key) return refuse("Invalid grant: account not found");
    const isSigned = verify("sha256", Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, "base64url"));
    if (!isSigned || read(header).alg !== "RS256") return refuse("Invalid JWT Signature.");
    const now = Date.now() / 1000 + google.ahead;
    if (claims.iat > now + 60 || claims.exp < now || claims.exp - claims.iat > 3_600)
      return refuse("Invalid JWT: Token must be a short-lived token (60 minutes) and in a reasonable timeframe.");
    if (claims.aud !== `https://${host}/token` || !claims.scope) return refuse("Invalid JWT: Failed audience check.");
    const access_token = randomUUID();
    tokens.add(access_token);
    return [200, { access_token, token_type: "Bearer", expires_in: 3_599 }];
  }

  const server = createServer(async (request, response) => {
    const { method = "", url: target = "", headers } = request;
    const host = headers.host ?? "";
    const body = await text(request);
    const call = { method, host, target, body };
    const isToken = host === "oauth2.googleapis.com" && target === "/token";
    const isKnown = tokens.has((headers.authorization ?? "").replace(/^Bearer /, ""));
    if (!isToken && isKnown) google.seen.push(call);
    const [status, answer] = isToken
      ? exchange(new URLSearchParams(body), host)
      : isKnown
        ? google.api(call)
        : [401, { error: { code: 401, status: "UNAUTHENTICATED" } }];
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const google: NativeGoogle = {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    keyFile(change = {}) {
      const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2_048 });
      const client_email = `reader-${randomUUID()}@some-project.iam.gserviceaccount.com`;
      accounts.set(client_email, publicKey);
      return JSON.stringify({
        type: "service_account",
        project_id: "some-project",
        private_key_id: "0123456789abcdef",
        private_key: privateKey.export({ type: "pkcs8", format: "pem" }),
        client_email,
        token_uri: "https://oauth2.googleapis.com/token",
        ...change,
      });
    },
    forget: () => accounts.clear(),
    api: () => [404, {}],
    seen: [],
    ahead: 0,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return google;
}
