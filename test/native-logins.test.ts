import { createHash, generateKeyPairSync, type KeyObject, randomUUID, verify } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { type AccessKey, claimedIn, whyRefused } from "./support/aws-server.ts";
import { startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

/** Services that speak HTTP with one login among several that is not plain: WebDAV, Salesforce, OpenSearch. */

interface Call {
  method: string;
  target: string;
  headers: Record<string, string>;
  body: Buffer;
}
type Answer = [status: number, answer: string | object, headers?: Record<string, string>];

let app: TestApp;
let url: string;
let close: () => Promise<void>;
let answer: (call: Call) => Answer;

beforeAll(async () => {
  app = await startNativeApp();
  const server = createServer(async (request: IncomingMessage, response) => {
    const headers = Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, String(value)]));
    const call = { method: request.method ?? "", target: request.url ?? "", headers, body: await buffer(request) };
    const [status, text, more = {}] = answer(call);
    response.writeHead(status, more).end(typeof text === "string" ? text : JSON.stringify(text));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://localhost:${(server.address() as AddressInfo).port}`;
  close = async () => {
    server.closeAllConnections();
    await new Promise<void>((resolve) => server.close(() => resolve()));
  };
}, 120_000);
afterAll(async () => {
  await Promise.all([app?.close(), close?.()]);
});

describe("WebDAV by HTTP Digest", () => {
  const login = { authType: "digest", username: 'a"da', password: "correct horse" };
  const tried = (more: object = {}) => tryNative(app, "webdav", { url: `${url}/dav/x%20y`, ...login, ...more });
  let challenge: string;
  let nonces: Set<string>;

  /** As RFC 7616 section 3.4 has it. */
  function isRight({ method, target, headers }: Call): boolean {
    const pairs = [...(headers.authorization ?? "").matchAll(/(\w+)=(?:"((?:[^"\\]|\\.)*)"|([^,]+))/g)];
    const given = Object.fromEntries(pairs.map(([, name = "", quoted, bare]) => [name, quoted?.replace(/\\(.)/g, "$1") ?? bare]));
    const hash = (text: string) =>
      createHash(given.algorithm === "SHA-256" ? "sha256" : "md5")
        .update(text)
        .digest("hex");
    const middle = given.qop ? [given.nonce, given.nc, given.cnonce, given.qop] : [given.nonce];
    const expected = hash([hash('a"da:files:correct horse'), ...middle, hash(`${method}:${given.uri}`)].join(":"));
    return given.response === expected && given.uri === target && given.opaque === "op" && nonces.delete(given.nonce ?? "");
  }

  beforeEach(() => {
    nonces = new Set();
    challenge = 'qop="auth, auth-int", algorithm=SHA-256';
    answer = (call) => {
      if (call.method !== "PROPFIND" || call.headers.depth !== "0") return [405, ""];
      if (isRight(call)) return call.target.startsWith("/dav/") ? [207, "<multistatus/>"] : [404, ""];
      const nonce = randomUUID();
      nonces.add(nonce);
      const header = `Basic realm="other, Digest x=1", Digest realm="files", nonce="${nonce}", opaque="op", ${challenge}`;
      return [401, "", { "www-authenticate": header }];
    };
  });

  test.each(['qop="auth, auth-int", algorithm=SHA-256', 'qop="auth"', "algorithm=MD5", 'qop="auth", algorithm=md5, stale=false'])(
    "answers the challenge %s",
    async (asked) => {
      challenge = asked;
      expect(await tried()).toMatchObject({ ok: true, code: "OK" });
    },
  );

  test.each([
    ["a wrong password", { password: "battery staple" }, "INVALID_CREDENTIALS"],
    ["an unknown user", { username: "nobody" }, "INVALID_CREDENTIALS"],
    ["a folder that is not there", { url: "/none" }, "RESOURCE_NOT_FOUND"],
  ])("tells %s", async (_what, more, code) => {
    const outcome = await tried("url" in more ? { url: `${url}${more.url}` } : more);
    expect(outcome).toMatchObject({ ok: false, code });
    expect(JSON.stringify(outcome)).not.toMatch(/horse|staple/);
  });

  test.each(['Basic realm="files"', 'Digest realm="files", nonce="1", algorithm=SHA-512', ""])(
    "does not answer the challenge “%s”",
    async (header) => {
      answer = () => [401, "", header ? { "www-authenticate": header } : undefined];
      const outcome = await tried();
      expect(outcome).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
      expect(outcome.message).toContain("Digest");
    },
  );

  testUnreachable(() => ({ app, slug: "webdav", fields: login, at: (host, port) => ({ url: `http://${host}:${port}` }) }));
});

describe("Salesforce by a signed JWT", () => {
  const keys = generateKeyPairSync("rsa", { modulusLength: 2_048 });
  const pem = (key: KeyObject) => key.export({ type: "pkcs8", format: "pem" }) as string;
  const fields = { authType: "jwt-bearer", clientId: "the-app", username: "ada@acme.example", privateKey: pem(keys.privateKey) };
  const tried = (more: object = {}) => tryNative(app, "salesforce-api", { ...fields, loginUrl: `${url}/`, ...more });

  beforeEach(() => {
    answer = ({ target, headers, body }) => {
      if (target === "/services/oauth2/userinfo")
        return headers.authorization === "Bearer right" ? [200, { sub: "1" }] : [403, ""];
      const assertion = new URLSearchParams(body.toString()).get("assertion") ?? "";
      const [header, payload = "", signature = ""] = assertion.split(".");
      const { iss, sub, aud, exp } = JSON.parse(Buffer.from(payload, "base64url").toString());
      const refuse = (error_description: string): Answer => [400, { error: "invalid_grant", error_description }];
      const isSigned = verify("sha256", Buffer.from(`${header}.${payload}`), keys.publicKey, Buffer.from(signature, "base64url"));
      if (!isSigned || iss !== "the-app" || exp > Date.now() / 1000 + 300) return refuse("invalid assertion");
      if (aud !== "https://login.salesforce.com") return refuse("audience is invalid");
      if (sub === "bob@acme.example") return refuse("user hasn't approved this consumer");
      return sub === "ada@acme.example" ? [200, { access_token: "right" }] : refuse("invalid_user");
    };
  });

  test("lets in with the app's key", async () => {
    expect(await tried()).toMatchObject({ ok: true, code: "OK" });
  });

  test.each([
    ["another key", { privateKey: pem(generateKeyPairSync("rsa", { modulusLength: 2_048 }).privateKey) }, "INVALID_CREDENTIALS"],
    ["no key", { privateKey: "no key" }, "INVALID_CREDENTIALS"],
    ["another app", { clientId: "other" }, "INVALID_CREDENTIALS"],
    ["an unknown user", { username: "carol@acme.example" }, "INVALID_CREDENTIALS"],
    ["a user who may not use the app", { username: "bob@acme.example" }, "PERMISSION_DENIED"],
  ])("tells %s", async (_what, more, code) => {
    const outcome = await tried(more);
    expect(outcome).toMatchObject({ ok: false, code });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toContain("PRIVATE");
  });
});

describe("Amazon's OpenSearch by AWS's signature", () => {
  const secret = { secretAccessKey: "right/secret", arn: "" };
  const keys = new Map<string, AccessKey>([
    ["AKIA1234567890ABCDEF", secret],
    ["AKIAPOWERLESS0000000", secret],
  ]);
  const login = {
    authType: "aws-sigv4",
    region: "eu-west-1",
    accessKeyId: "AKIA1234567890ABCDEF",
    secretAccessKey: "right/secret",
  };
  const tried = (more: object = {}) => tryNative(app, "opensearch", { node: url, ...login, ...more });

  beforeEach(() => {
    answer = (call) => {
      const why = whyRefused(call, keys);
      const claimed = claimedIn(call.headers.authorization ?? "");
      const refuse = (message: string): Answer => [403, { message }];
      if (why === "SignatureDoesNotMatch")
        return refuse("The request signature we calculated does not match the signature you provided.");
      if (why || claimed?.service !== "es") return refuse("The security token included in the request is invalid.");
      if (claimed.accessKeyId.includes("POWERLESS")) return refuse("User: x is not authorized to perform: es:ESHttpGet");
      return [200, { version: { number: "2.17.0" } }];
    };
  });

  test.each([
    ["the right key", {}, "OK"],
    ["a wrong secret", { secretAccessKey: "wrong/secret" }, "INVALID_CREDENTIALS"],
    ["an unknown key", { accessKeyId: "AKIAUNKNOWN000000000" }, "INVALID_CREDENTIALS"],
    ["a key that may not", { accessKeyId: "AKIAPOWERLESS0000000" }, "PERMISSION_DENIED"],
  ])("tells %s", async (_what, more, code) => {
    const outcome = await tried(more);
    expect(outcome).toMatchObject({ ok: code === "OK", code });
    expect(JSON.stringify(outcome)).not.toContain("/secret");
  });
});
