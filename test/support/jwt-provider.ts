import { createPublicKey, createSecretKey, generateKeyPairSync, type KeyObject, randomBytes, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { type JWTPayload, jwtVerify } from "jose";
import type { ConnectorDefinition, SignedJwtSchemeDefinition } from "../../src/catalogue/types.ts";

/** Service accounts by RFC 7523: a token endpoint and an API that check every signature, claim and lifetime, each `jti` once. */
export interface JwtProvider extends AsyncDisposable {
  url: string;
  /** What was accepted at the token endpoint, with the body beside the assertion. */
  assertions: { claims: JWTPayload; header: object; body: Record<string, string> }[];
  /** Claims of the JWTs that the API was called with. */
  bearers: JWTPayload[];
  /** A key of a service account that the provider knows, as its JSON key file. */
  keyFile(): { file: string; email: string; keyId: string };
  /** Lets a key sign for an issuer. */
  register(issuer: string, key: KeyObject, algorithm: string): void;
  forget(issuer: string): void;
  connector(slug: string): ConnectorDefinition;
}

export async function startJwtProvider(): Promise<JwtProvider> {
  const keys = new Map<string, { key: KeyObject; algorithm: string }>();
  const tokens = new Set<string>();
  const spent = new Set<string>();

  async function verify(jwt: string, audience: string, maxSeconds: number) {
    const claimed = JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString() || "{}") as JWTPayload;
    const known = keys.get(claimed.iss ?? "");
    if (!known) throw new Error("account not found");
    const { payload, protectedHeader } = await jwtVerify(jwt, known.key, { audience, algorithms: [known.algorithm], typ: "JWT" });
    if (payload.exp! - payload.iat! > maxSeconds || payload.iat! > Date.now() / 1000 + 5) throw new Error("lifetime");
    return { payload, protectedHeader };
  }

  async function exchange(body: Record<string, string>, response: ServerResponse): Promise<void> {
    const send = (status: number, answer: object) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(answer));
    const { grant_type, assertion = "", ...rest } = body;
    if (grant_type !== "urn:ietf:params:oauth:grant-type:jwt-bearer") return void send(400, { error: "unsupported_grant_type" });
    try {
      const { payload, protectedHeader } = await verify(assertion, `${provider.url}/token`, 3_600);
      if (spent.has(payload.jti!)) throw new Error("jti used twice");
      spent.add(payload.jti!);
      provider.assertions.push({ claims: payload, header: protectedHeader, body: rest });
      const access_token = randomUUID();
      tokens.add(access_token);
      send(200, { access_token, token_type: "Bearer", expires_in: 3_600 });
    } catch (error) {
      send(400, { error: "invalid_grant", error_description: (error as Error).message });
    }
  }

  async function serveApi(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const bearer = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    const jwt = bearer.includes(".") ? await verify(bearer, "the-api", 900).catch(() => null) : null;
    if (jwt) provider.bearers.push(jwt.payload);
    response.writeHead(jwt || tokens.has(bearer) ? 200 : 401, { "content-type": "application/json" }).end("{}");
  }

  const server = createServer(async (request, response) => {
    const body = Object.fromEntries(new URLSearchParams(await text(request)));
    await (request.url === "/token" ? exchange(body, response) : serveApi(request, response));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const bearer = (algorithm: SignedJwtSchemeDefinition["algorithm"]): SignedJwtSchemeDefinition => ({
    type: "SIGNED_JWT",
    key: algorithm.toLowerCase(),
    name: `Key (${algorithm})`,
    algorithm,
    claims: { iss: "{connection.issuerId}", aud: "the-api", sub: "{connection.subject|}" },
    header: { kid: "{connection.keyId|}" },
    fields: [
      { name: "issuerId", label: "Issuer ID", type: "STRING", required: true, for: "credential" },
      { name: "keyId", label: "Key ID", type: "STRING", for: "credential" },
      { name: "subject", label: "Subject", type: "STRING", for: "credential" },
    ],
  });

  const provider: JwtProvider = {
    url,
    assertions: [],
    bearers: [],
    keyFile() {
      const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
      const email = `robot-${randomBytes(4).toString("hex")}@project.example`;
      const keyId = randomBytes(8).toString("hex");
      const private_key = privateKey.export({ type: "pkcs8", format: "pem" });
      const file = {
        type: "service_account",
        project_id: "project",
        private_key_id: keyId,
        private_key,
        client_email: email,
        token_uri: `${url}/token`,
      };
      provider.register(email, publicKey, "RS256");
      return { file: JSON.stringify(file, null, 2), email, keyId };
    },
    register: (issuer, key, algorithm) =>
      void keys.set(issuer, {
        key: key.type === "private" ? createPublicKey(key) : key.type === "secret" ? createSecretKey(key.export()) : key,
        algorithm,
      }),
    forget: (issuer) => void keys.delete(issuer),
    connector: (slug) => ({
      slug,
      name: "Service Accounts",
      description: null,
      kind: "API",
      categories: ["ai"],
      docsUrl: null,
      setupGuide: [],
      schemes: [
        {
          type: "SIGNED_JWT",
          key: "service-account",
          name: "Service account",
          algorithm: "RS256",
          claims: {
            iss: "{connection.clientEmail}",
            sub: "{connection.subject|}",
            aud: "{connection.tokenUri}",
            scope: "{connection.scope|}",
          },
          header: { kid: "{connection.privateKeyId|}" },
          tokenUrl: `${url}/token`,
          tokenParameters: { resource: "{connection.projectId}" },
          scopes: [{ name: "read", default: true }, { name: "write" }],
          fields: [{ name: "subject", label: "On behalf of", type: "STRING", for: "credential" }],
        },
        ...(["RS256", "ES256", "PS256", "EdDSA", "HS256"] as const).map(bearer),
      ],
      api: { baseUrl: `${url}/api`, verification: { method: "GET", path: "/me" } },
    }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return provider;
}
