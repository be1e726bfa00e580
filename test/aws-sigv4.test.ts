import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { Readable } from "node:stream";
import aws4 from "aws4";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { loadCatalogue } from "../src/catalogue/index.ts";
import { hostRulesOf } from "../src/catalogue/scheme-urls.ts";
import { expandUrl } from "../src/catalogue/templates.ts";
import { hashOf, signedHeaders } from "../src/lib/aws-sigv4.ts";
import { SCHEMES } from "../src/schemes/index.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { type AwsServer, claimedIn, expectedSignature, startAwsServer, whyRefused } from "./support/aws-server.ts";
import { faults, mutate } from "./support/entities.ts";
import { viaProxy } from "./support/proxy.ts";
import { createConfig, createUser } from "./support/seed.ts";
import { ask, made, readTyped } from "./support/typed.ts";

/** Of AWS's own Signature Version 4 test suite: request, further signed headers, body, signature. */
const SUITE: [name: string, request: string, headers: Record<string, string>, body: string, signature: string][] = [
  ["get-vanilla", "GET /", {}, "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"],
  ["get-utf8", "GET /ሴ", {}, "", "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"],
  [
    "get-unreserved",
    "GET /-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz",
    {},
    "",
    "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f",
  ],
  [
    "get-vanilla-query-order-key-case",
    "GET /?Param2=value2&Param1=value1",
    {},
    "",
    "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
  ],
  ["get-vanilla-utf8-query", "GET /?ሴ=bar", {}, "", "2cdec8eed098649ff3a119c94853b13c643bcf08f8b0a1d91e12c9027818dd04"],
  [
    "get-header-value-trim",
    "GET /",
    { "my-header1": "value1", "my-header2": '"a   b   c"' },
    "",
    "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736",
  ],
  [
    "get-header-value-order",
    "GET /",
    { "my-header1": "value4,value1,value3,value2" },
    "",
    "08c7e5a9acfcfeb3ab6b2185e75ce8b1deb5e634ec47601a50643f830c755c01",
  ],
  ["post-vanilla", "POST /", {}, "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"],
  ["post-vanilla-query", "POST /?Param1=value1", {}, "", "28038455d6de14eafc1f9222cf5aa6f1a96197d7deb8263271d420d138af7f11"],
  [
    "post-x-www-form-urlencoded",
    "POST /",
    { "content-type": "application/x-www-form-urlencoded" },
    "Param1=value1",
    "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
  ],
];

test.each(SUITE)("the server of these tests finds the published signature of %s", (_name, request, more, text, signature) => {
  const [method = "", target = ""] = request.split(" ");
  const headers = { host: "example.amazonaws.com", "x-amz-date": "20150830T123600Z", ...more };
  const claimed = { accessKeyId: "AKIDEXAMPLE", date: "20150830", region: "us-east-1", service: "service", signature };
  const body = Buffer.from(text);
  const signed = { ...claimed, signedHeaders: Object.keys(headers).toSorted() };
  expect(expectedSignature({ method, target, headers, body }, signed, "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")).toBe(
    signature,
  );
});

test("no signing key stays in the library's cache", () => {
  const keep = vi.spyOn(Object.getPrototypeOf(createRequire(import.meta.url)("aws4/lru")(1)), "set");
  const call = { method: "GET", path: "/", service: "s3", region: "us-east-1", host: "s3.amazonaws.com", headers: {} };
  const keys = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: randomBytes(20).toString("hex") };
  signedHeaders(call, keys, () => hashOf(null));
  expect(keep).not.toHaveBeenCalled();
  // As it would by itself.
  aws4.sign({ ...call }, keys);
  expect(keep).toHaveBeenCalledOnce();
  keep.mockRestore();
});

const KEY = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const TEMPORARY = {
  accessKeyId: "ASIAIOSFODNN7EXAMPLE",
  secretAccessKey: "temporary/secret+key=",
  sessionToken: "FwoGZXIvYXdz//+=",
};

let server: AwsServer;
let app: TestApp;
let userId: string;
let target: { authConfigId: string };
beforeAll(async () => {
  server = await startAwsServer();
  server.keys.set(KEY.accessKeyId, { ...KEY, arn: "arn:aws:iam::123456789012:user/ada" });
  server.keys.set(TEMPORARY.accessKeyId, { ...TEMPORARY, arn: "arn:aws:sts::123456789012:assumed-role/reader/ada" });
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" }, { app: { connectors: [server.connector("cloud")] } });
  userId = (await createUser(app, app.adminKey)).id;
  target = { authConfigId: (await createConfig(app, app.adminKey, { connectorSlug: "cloud" })).id };
});
beforeEach(() => {
  server.seen.length = 0;
});
afterAll(async () => {
  await app?.close();
  await server?.[Symbol.asyncDispose]();
});

const create = (fields: object, more: object = {}) =>
  ask(app, app.adminKey, "createCredential", {
    target,
    user: { id: userId },
    fields: { region: "eu-central-1", ...fields },
    ...more,
  });

function call(credential: string, path: string, more: Partial<Parameters<typeof viaProxy>[2]> = {}) {
  return viaProxy(app, `/proxy${path}`, { key: app.adminKey, credential, ...more });
}

describe("an access key", () => {
  test("is tested by asking whose it is, and refused where it is nobody's or its secret is another", async () => {
    const credential = await made(create(KEY, { test: true }));
    const account = { id: "123456789012", name: "arn:aws:iam::123456789012:user/ada" };
    expect(credential).toMatchObject({ status: "ACTIVE", scheme: "AWS_SIGV4", canRefresh: false, account });
    expect(server.seen).toMatchObject([{ refused: null, scope: "execute-api/eu-central-1" }]);
    for (const wrong of [
      { ...KEY, secretAccessKey: "another" },
      { ...KEY, accessKeyId: "AKIAIOSFODNN7NOBODYS" },
    ]) {
      const { result } = await ask(app, app.adminKey, "tryCredential", { target, fields: { region: "eu-central-1", ...wrong } });
      expect(result).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    }
    const misspelt = await mutate(app, app.adminKey, "createCredential", {
      target,
      user: { id: userId },
      fields: { accessKeyId: "AKIA 1", secretAccessKey: "a\nb", region: "eu-central-1" },
    });
    expect(faults(misspelt)).toBe("fields.accessKeyId PATTERN, fields.secretAccessKey PATTERN");
  });

  test("signs whatever the proxy is given: paths, queries, bodies, and the headers that AWS wants covered", async () => {
    const { id } = await made(create(KEY));
    const json = { "content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.ListTables" };
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const calls = [
      call(id, "/"),
      call(id, "/things/a%20b/c%2Fd/%C3%BC/x+y(1)*'!?b=2&a=1&a=0&empty=&flag&sp=a%20b%2Bc&%C3%BC=%E1%88%B4"),
      call(id, "/", { method: "POST", headers: json, body: '{"Limit":1}' }),
      call(id, "/", { method: "POST", headers: form, body: "Action=DescribeRegions&Name=a+b%26c" }),
      call(id, "/key", { method: "PUT", headers: { "x-amz-acl": "private", "x-amz-meta-a": "  two   words " }, body: "bytes" }),
      call(id, "/key", { method: "DELETE" }),
    ];
    for (const answer of await Promise.all(calls)) expect(answer.status, answer.body).toBe(200);
    expect(server.seen.map(({ refused }) => refused)).toEqual(Array(calls.length).fill(null));
    const called = await mutate(
      app,
      app.adminKey,
      "callApi",
      {
        credentialId: id,
        method: "POST",
        path: "/jobs",
        query: { dry: true },
        headers: { "X-Amz-Target": "Jobs.Start" },
        body: { a: "ü" },
      },
      "status",
    );
    expect(called, JSON.stringify(server.seen.at(-1)?.refused)).toMatchObject({ status: 200 });
  });

  test("signs with its own time and hash, whatever the caller says of them, and for no session but its own", async () => {
    const { id } = await made(create(KEY));
    const claimed = { "x-amz-date": "20150830T123600Z", "x-amz-content-sha256": "0".repeat(64) };
    expect((await call(id, "/", { headers: claimed })).status).toBe(200);
    expect(server.seen.at(-1)!.headers).not.toMatchObject({ "x-amz-date": claimed["x-amz-date"] });
    const stolen = await call(id, "/", { headers: { "x-amz-security-token": "stolen" } });
    expect([stolen.status, server.seen.at(-1)!.refused]).toEqual([403, "InvalidClientTokenId"]);
  });

  test("that is temporary goes with its session token", async () => {
    const { id } = await made(create(TEMPORARY, { test: true }));
    expect((await call(id, "/")).status).toBe(200);
    expect(server.seen.at(-1)!.headers["x-amz-security-token"]).toBe(TEMPORARY.sessionToken);
    const { sessionToken: _gone, ...withoutToken } = TEMPORARY;
    expect(await create(withoutToken, { test: true })).toMatchObject({ __typename: "TestFailedError" });
  });

  test("signs for S3 as S3 wants it", async () => {
    const { id } = await made(create({ ...KEY, service: "s3" }));
    const answer = await call(id, "/bucket/my%20file%2B1%20%C3%BC.txt?list-type=2&prefix=a%2Fb");
    expect(answer.status, JSON.stringify(server.seen)).toBe(200);
    expect(server.seen.at(-1)!.scope).toBe("s3/eu-central-1");
  });

  test("signs a large body by the hash that the caller knows, and takes none that it cannot sign", async () => {
    const { id } = await made(create(KEY));
    const large = randomBytes(2 * 1024 * 1024);
    const hash = (await crypto.subtle.digest("SHA-256", large).then((bytes) => Buffer.from(bytes))).toString("hex");
    const put = (headers: Record<string, string>) =>
      call(id, "/large", {
        method: "PUT",
        headers: { "content-length": String(large.length), ...headers },
        body: Readable.from([large]),
      });
    const sent = await put({ "x-amz-content-sha256": hash });
    expect([sent.status, server.seen.at(-1)!.body.length]).toEqual([200, large.length]);
    server.seen.length = 0;
    const refused = await put({});
    expect([refused.status, refused.json().error?.code]).toEqual([400, "INVALID_INPUT"]);
    expect(server.seen).toEqual([]);
  });

  test("is revealed as what signs, without a signature that could be used once at most", async () => {
    const { id } = await made(create(KEY));
    const { revealed } = await ask(app, app.adminKey, "revealCredential", { id });
    expect(revealed).toMatchObject({
      accessToken: null,
      fields: { secretAccessKey: KEY.secretAccessKey },
      headers: {},
      query: {},
    });
    expect(server.seen).toEqual([]);
  });

  test("that AWS no longer takes becomes INVALID by a test", async () => {
    const other = { ...KEY, accessKeyId: "AKIAIOSFODNN7RETIRED" };
    server.keys.set(other.accessKeyId, { ...other, arn: "arn:aws:iam::123456789012:user/bob" });
    const { id } = await made(create(other, { test: true }));
    server.keys.delete(other.accessKeyId);
    await ask(app, app.adminKey, "testCredential", { id });
    expect(await readTyped(app, app.adminKey, id)).toMatchObject({ status: "INVALID" });
  });
});

describe("the catalogue's connectors", () => {
  const catalogue = loadCatalogue({ variables: {} });
  const keys = new Map([[KEY.accessKeyId, { ...KEY, arn: "" }]]);

  function signed(slug: string, url: string, more: object = {}) {
    const { schemes, api } = catalogue.get(slug)!;
    const values = { ...KEY, region: "eu-west-1", service: "s3" };
    const none = { clientId: null, clientSecret: null, accessToken: null, tokenSecret: null };
    const request = { method: "GET", url, form: null, headers: {}, body: null, ...more };
    const { headers } = SCHEMES.AWS_SIGV4.apply({ scheme: schemes[0]!, api, values, ...none, request });
    const { host, pathname, search } = new URL(url);
    const arrived = { method: request.method, target: pathname + search, headers: { ...headers, host }, body: Buffer.alloc(0) };
    const { service, region } = claimedIn(headers.authorization!)!;
    return { refused: whyRefused(arrived, keys), scope: `${service}/${region}`, headers };
  }

  test.each([
    ["aws-iam", "iam/us-east-1", "sts/us-east-1"],
    ["aws-inspector2", "inspector2/eu-west-1", "sts/eu-west-1"],
    ["aws-multi-service", "s3/eu-west-1", "sts/eu-west-1"],
  ])("%s signs its calls for %s and the question whose key it is for %s", (slug, scope, identityScope) => {
    const { schemes, api } = catalogue.get(slug)!;
    const connection = { region: "eu-west-1", service: "s3" };
    const at = (template: string) => expandUrl(template, { connection }, hostRulesOf(schemes[0]!));
    expect(signed(slug, `${at(api!.baseUrl)}/a?b=c`)).toMatchObject({ refused: null, scope });
    const { baseUrl, path } = api!.verification!;
    expect(signed(slug, at(baseUrl! + path))).toMatchObject({ refused: null, scope: identityScope });
  });

  test("leave a streamed body unsigned where S3 takes it so, over TLS", () => {
    const { refused, headers } = signed("aws-multi-service", "https://s3.eu-west-1.amazonaws.com/b/k", {
      method: "PUT",
      body: "STREAMED",
    });
    expect([refused, headers["x-amz-content-sha256"]]).toEqual([null, "UNSIGNED-PAYLOAD"]);
    expect(() => signed("aws-iam", "https://iam.amazonaws.com/", { method: "POST", body: "STREAMED" })).toThrow(/at most 1 MiB/);
  });
});
