import { constants, createHash, createHmac, generateKeyPairSync, type KeyObject, verify } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { closedPort, impatiently, rawServer, startNativeApp, tryNative } from "./support/native.ts";
import { routeHosts } from "./support/routed.ts";

/** Enterprise services with a login of their own, at hosts that follow from the account: Snowflake and NetSuite. */

interface Call {
  host: string;
  path: string;
  headers: IncomingMessage["headers"];
  body: string;
}
type Answer = [status: number, answer: object];

const pair = (options: object = {}) => generateKeyPairSync("rsa", { modulusLength: 2_048, ...options });
const keys = pair();
const other = pair();
const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }) as string;

let app: TestApp;
let url: string;
let close: () => Promise<void>;
let answer: (call: Call) => Answer;
let led: string;
const seen: string[] = [];

beforeAll(async () => {
  app = await startNativeApp();
  const server = createServer(async (request, response) => {
    const call = {
      host: request.headers.host ?? "",
      path: request.url ?? "",
      headers: request.headers,
      body: await text(request),
    };
    seen.push(`${call.host}${call.path}`);
    const [status, body] = answer(call);
    response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://localhost:${(server.address() as AddressInfo).port}`;
  close = async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
  routeHosts(app, (host) => (/\.(snowflakecomputing|netsuite)\.com$/.test(host) ? led : null));
}, 120_000);
afterAll(async () => {
  await Promise.all([app?.close(), close?.()]);
});
beforeEach(() => {
  seen.length = 0;
  led = url;
});

function claimsOf(jwt: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(jwt.split(".")[1] ?? "", "base64url").toString());
}

function isSigned(jwt: string, options: object): boolean {
  const [header, payload, signature = ""] = jwt.split(".");
  return verify(
    "sha256",
    Buffer.from(`${header}.${payload}`),
    { key: keys.publicKey, ...options },
    Buffer.from(signature, "base64url"),
  );
}

const isNow = ({ iat, exp }: Record<string, unknown>) =>
  Number(iat) <= Date.now() / 1000 + 1 && Number(exp) > Date.now() / 1000 && Number(exp) - Number(iat) <= 3_600;

describe("Snowflake", () => {
  const fields = {
    account: "Acme-My_Account",
    username: "ada",
    authenticator: "SNOWFLAKE_JWT",
    privateKey: pem(keys.privateKey),
  };
  const tried = (more: object = {}) => tryNative(app, "snowflake-sql", { ...fields, ...more });

  const fingerprint = createHash("sha256")
    .update(keys.publicKey.export({ type: "spki", format: "der" }))
    .digest("base64");

  beforeEach(() => {
    answer = ({ headers, body }) => {
      const bearer = (headers.authorization ?? "").replace(/^Bearer /, "");
      const kind = headers["x-snowflake-authorization-token-type"];
      const { iss, sub, ...rest } = kind === "KEYPAIR_JWT" ? claimsOf(bearer) : {};
      const isKnown =
        kind === "PROGRAMMATIC_ACCESS_TOKEN"
          ? bearer === "right-token"
          : sub === "ACME-MY_ACCOUNT.ADA" && iss === `${sub}.SHA256:${fingerprint}` && isSigned(bearer, {}) && isNow(rest);
      if (!isKnown) return [401, { code: "390144", message: "JWT token is invalid. <b>" }];
      const { statement, database, role, warehouse } = JSON.parse(body);
      if (role === "NOBODY") return [422, { code: "390189", message: "Role" }];
      if (database === "NONE") return [422, { code: "002043", message: "does not exist" }];
      if (warehouse === "NONE") return [422, { code: "000606", message: "No active warehouse" }];
      return statement === "SELECT 1" ? [200, { code: "090001", statementHandle: "1" }] : [500, {}];
    };
  });

  test("lets in by a key pair, by one with a passphrase, and by a token", async () => {
    expect(await tried({ database: "SHOP", warehouse: "SMALL" })).toMatchObject({ ok: true, code: "OK" });
    expect(seen).toEqual(["acme-my-account.snowflakecomputing.com/api/v2/statements"]);
    const locked = keys.privateKey.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "horse" });
    expect(await tried({ privateKey: locked, privateKeyPassphrase: "horse" })).toMatchObject({ ok: true });
    const token = { authenticator: "PROGRAMMATIC_ACCESS_TOKEN", token: "right-token" };
    expect(await tried(token)).toMatchObject({ ok: true });
  });

  test.each([
    ["another key", { privateKey: pem(other.privateKey) }, "INVALID_CREDENTIALS"],
    ["another user", { username: "bob" }, "INVALID_CREDENTIALS"],
    ["no key", { privateKey: "no key" }, "INVALID_CREDENTIALS"],
    ["a wrong token", { authenticator: "PROGRAMMATIC_ACCESS_TOKEN", token: "wrong-token" }, "INVALID_CREDENTIALS"],
    ["a role that is not there", { role: "NOBODY" }, "RESOURCE_NOT_FOUND"],
    ["a database that is not there", { database: "NONE" }, "RESOURCE_NOT_FOUND"],
    ["a warehouse that is not there", { warehouse: "NONE" }, "RESOURCE_NOT_FOUND"],
    ["a password, of which nothing can be said", { authenticator: "SNOWFLAKE", password: "horse" }, "NOT_TESTABLE"],
  ])("tells %s, with a remedy and without the secret", async (_what, more, code) => {
    const outcome = await tried(more);
    expect(outcome).toMatchObject({ ok: false, code });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/horse|-token|PRIVATE|<b>/);
  });

  test("that cannot be reached is told as such", async () => {
    led = `http://localhost:${await closedPort()}`;
    expect(await tried()).toMatchObject({ code: "CONNECTION_REFUSED" });
    led = "http://x.invalid";
    expect(await tried()).toMatchObject({ code: "HOST_NOT_FOUND" });
    led = url.replace("http:", "https:");
    expect(await tried()).toMatchObject({ code: "TLS_ERROR" });
    const silent = await rawServer();
    led = `http://localhost:${silent.port}`;
    expect(await impatiently(app, tried)).toMatchObject({ code: "TIMEOUT" });
    await silent.close();
  });
});

describe("NetSuite", () => {
  const host = "123456-sb1.suitetalk.api.netsuite.com";
  const certificate = {
    authType: "oauth2-m2m",
    clientId: "the-client",
    certificateId: "the-certificate",
    privateKey: pem(keys.privateKey),
  };
  const tba = { authType: "tba", consumerKey: "ck", consumerSecret: "c&secret", tokenId: "tk", tokenSecret: "t secret" };
  const tried = (more: object) => tryNative(app, "netsuite-rest", { accountId: "123456_SB1", ...more });

  /** The signature that the call should have (RFC 5849 section 3.4). */
  function expectedSignature(given: Map<string, string>): string {
    const strict = (part: string) =>
      encodeURIComponent(part).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
    const parameters = [...given].filter(([name]) => name !== "realm" && name !== "oauth_signature").toSorted();
    const list = parameters.map(([name, value]) => `${name}=${strict(value)}`).join("&");
    const base = `GET&${strict(`https://${host}/services/rest/record/v1/metadata-catalog`)}&${strict(list)}`;
    return createHmac("sha256", "c%26secret&t%20secret").update(base).digest("base64");
  }

  function isTba(header: string): boolean {
    const pairs = [...header.replace(/^OAuth /, "").matchAll(/(\w+)="([^"]*)"/g)];
    const given = new Map(pairs.map(([, name = "", value = ""]) => [name, decodeURIComponent(value)]));
    const isWhose =
      given.get("realm") === "123456_SB1" && given.get("oauth_consumer_key") === "ck" && given.get("oauth_token") === "tk";
    return isWhose && given.get("oauth_signature") === expectedSignature(given);
  }

  beforeEach(() => {
    answer = (call) => {
      if (call.host !== host) return [404, {}];
      if (call.path === "/services/rest/auth/oauth2/v1/token") {
        const jwt = new URLSearchParams(call.body).get("client_assertion") ?? "";
        const claims = claimsOf(jwt);
        const { kid } = JSON.parse(Buffer.from(jwt.split(".")[0] ?? "", "base64url").toString());
        const isRight =
          isSigned(jwt, { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 }) &&
          isNow(claims) &&
          claims.iss === "the-client";
        return isRight && kid === "the-certificate" && claims.aud === `https://${host}${call.path}`
          ? [200, { access_token: "right" }]
          : [400, { error: "invalid_grant" }];
      }
      const header = call.headers.authorization ?? "";
      return header === "Bearer right" || isTba(header) ? [200, { items: [] }] : [401, { title: "Unauthorized" }];
    };
  });

  test("lets in by a certificate and by tokens", async () => {
    expect(await tried(certificate)).toMatchObject({ ok: true, code: "OK" });
    expect(await tried(tba)).toMatchObject({ ok: true, code: "OK" });
    expect(seen.at(-1)).toBe(`${host}/services/rest/record/v1/metadata-catalog`);
  });

  test.each([
    ["another key", { ...certificate, privateKey: pem(other.privateKey) }],
    ["no key", { ...certificate, privateKey: "no key" }],
    ["another certificate", { ...certificate, certificateId: "other" }],
    ["a wrong token secret", { ...tba, tokenSecret: "wrong" }],
    ["a wrong consumer secret", { ...tba, consumerSecret: "wrong" }],
    ["a token that is not there", { ...tba, tokenId: "other" }],
  ])("tells %s as INVALID_CREDENTIALS", async (_what, fields) => {
    const outcome = await tried(fields);
    expect(outcome).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/secret|PRIVATE/);
  });

  test("tells a role that may not", async () => {
    const right = answer;
    answer = (call) => (call.path.endsWith("metadata-catalog") ? [403, {}] : right(call));
    expect(await tried(certificate)).toMatchObject({ ok: false, code: "PERMISSION_DENIED" });
  });
});

test("RavenDB is asked about the database that is named", async () => {
  answer = ({ path }) => (path === "/databases/Shop/stats" ? [200, { CountOfDocuments: 0 }] : [503, {}]);
  expect(await tryNative(app, "ravendb", { url, database: "Shop" })).toMatchObject({ ok: true });
  expect(await tryNative(app, "ravendb", { url, database: "None" })).toMatchObject({ ok: false, code: "RESOURCE_NOT_FOUND" });
  answer = () => [401, {}];
  expect(await tryNative(app, "ravendb", { url, database: "Shop" })).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
});
