import { generateKeyPairSync } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { closedPort, impatiently, openSockets, rawServer, startNativeApp, tryNative } from "./support/native.ts";
import { type GoogleCall, type NativeGoogle, startNativeGoogle } from "./support/native-google.ts";
import { routeHosts } from "./support/routed.ts";

let app: TestApp;
let google: NativeGoogle;
let key: string;
/** Where Google's hosts lead to in a test; null: nowhere, so that the network that is off would be asked. */
let led: (host: string) => string | null;

beforeAll(async () => {
  [app, google] = await Promise.all([startNativeApp(), startNativeGoogle()]);
  key = google.keyFile();
  routeHosts(app, (host) => (/\.(googleapis|google)\.com$/.test(host) ? led(host) : null));
}, 120_000);
afterAll(async () => {
  await Promise.all([app?.close(), google?.close()]);
});
beforeEach(() => {
  google.seen.length = 0;
  google.ahead = 0;
  google.api = () => [404, {}];
  led = () => google.url;
});

const tried = (slug: string, more: object = {}) =>
  tryNative(app, slug, { projectId: "some-project", serviceAccountJson: JSON.parse(key), ...more });

const P = "projects/some-project";

/** Connector, what is entered beside the key, and the one call that is made of it. */
const SERVICES: [slug: string, fields: object, call: string, answer?: object][] = [
  [
    "gcs",
    { bucket: "photos" },
    "GET storage.googleapis.com/storage/v1/b/photos/o?maxResults=1&fields=kind",
    { kind: "storage#objects" },
  ],
  ["bigquery", {}, "POST bigquery.googleapis.com/bigquery/v2/projects/some-project/queries"],
  ["bigquery", { datasetId: "sales" }, `GET bigquery.googleapis.com/bigquery/v2/${P}/datasets/sales`],
  ["google-pubsub", {}, `GET pubsub.googleapis.com/v1/${P}/topics?pageSize=1`],
  ["google-pubsub", { topic: "orders" }, `GET pubsub.googleapis.com/v1/${P}/topics/orders`],
  ["google-pubsub", { topic: "orders", subscription: "mine" }, `GET pubsub.googleapis.com/v1/${P}/subscriptions/mine`],
  ["firestore", {}, `POST firestore.googleapis.com/v1/${P}/databases/(default)/documents:listCollectionIds`],
  [
    "spanner",
    { instanceId: "main", database: "shop" },
    `GET spanner.googleapis.com/v1/${P}/instances/main/databases/shop/sessions?pageSize=1`,
  ],
  [
    "bigtable",
    { instanceId: "main" },
    `GET bigtableadmin.googleapis.com/v2/${P}/instances/main/tables?view=NAME_ONLY&pageSize=1`,
  ],
];

describe.each(SERVICES)("%s with %j", (slug, fields, call, answer = {}) => {
  const asText = ({ method, host, target }: GoogleCall) => `${method} ${host}${target}`;

  test("is asked one harmless question with the token of the key", async () => {
    google.api = (made) => (asText(made) === call ? [200, answer] : [500, {}]);
    expect(await tried(slug, fields)).toMatchObject({ ok: true, code: "OK" });
    expect(google.seen.map(asText)).toEqual([call]);
  });

  test.each([
    [404, { error: { code: 404, status: "NOT_FOUND" } }, "RESOURCE_NOT_FOUND"],
    [403, { error: { code: 403, status: "PERMISSION_DENIED", message: "<b>" } }, "PERMISSION_DENIED"],
    [401, { error: { code: 401, status: "UNAUTHENTICATED" } }, "INVALID_CREDENTIALS"],
    [429, { error: { code: 429, status: "RESOURCE_EXHAUSTED" } }, "RATE_LIMITED"],
    [503, { error: { code: 503, status: "UNAVAILABLE" } }, "PROVIDER_ERROR"],
  ])("answers %i, which is told as such", async (status, refusal, code) => {
    google.api = () => [status, refusal];
    const outcome = await tried(slug, fields);
    expect(outcome).toMatchObject({ ok: false, code });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/<b>|PRIVATE KEY/);
  });
});

describe("a service account's key", () => {
  const triedKey = (serviceAccountJson: unknown) => tried("gcs", { bucket: "photos", serviceAccountJson });

  test("that Google has forgotten, or that belongs to another account, is INVALID_CREDENTIALS", async () => {
    const swapped = { ...JSON.parse(google.keyFile()), client_email: JSON.parse(key).client_email };
    expect(await triedKey(swapped)).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    const unknown = { ...JSON.parse(key), client_email: "nobody@some-project.iam.gserviceaccount.com" };
    expect(await triedKey(unknown)).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
  });

  test("that is none is told before anything is sent", async () => {
    led = () => {
      throw new Error("Something was sent.");
    };
    const ec = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export({ type: "pkcs8", format: "pem" });
    for (const change of [
      { type: "external_account" },
      { private_key: "no key" },
      { private_key: ec },
      { client_email: undefined },
    ]) {
      const outcome = await triedKey({ ...JSON.parse(key), ...change });
      expect(outcome).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
      expect(JSON.stringify(outcome)).not.toMatch(/PRIVATE KEY|no key"/);
    }
  });

  test.each([
    "https://oauth2.googleapis.com.evil.example/token",
    "http://oauth2.googleapis.com/token",
    "https://oauth2.googleapis.com@127.0.0.1/token",
    "https://127.0.0.1/token",
  ])("whose token address is %s is sent nowhere", async (token_uri) => {
    let visits = 0;
    led = () => {
      visits += 1;
      return google.url;
    };
    const outcome = await triedKey({ ...JSON.parse(key), token_uri });
    expect(outcome).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(outcome.message).toContain("token_uri");
    expect(visits).toBe(0);
  });

  test("that is signed by a clock that is wrong is told as such", async () => {
    google.ahead = 7_200;
    const outcome = await tried("gcs", { bucket: "photos" });
    expect(outcome.code).toBe("PROVIDER_ERROR");
    expect(outcome.remedy).toContain("clock");
  });

  test("of a project that has the API switched off is told to enable it", async () => {
    const details = [{ "@type": "type.googleapis.com/google.rpc.ErrorInfo", reason: "SERVICE_DISABLED" }];
    google.api = () => [403, { error: { code: 403, status: "PERMISSION_DENIED", details } }];
    const outcome = await tried("bigquery");
    expect(outcome).toMatchObject({ ok: false, code: "PERMISSION_DENIED" });
    expect(outcome.remedy).toContain("Enable");
  });
});

describe("Google that cannot be reached", () => {
  /** The token endpoint works, the API's host does not, and the other way round. */
  const BROKEN = ["oauth2.googleapis.com", "storage.googleapis.com"];
  const triedWithout = (broken: string, instead: string) => {
    led = (host) => (host === broken ? instead : google.url);
    return tried("gcs", { bucket: "photos" });
  };

  test.each(BROKEN)("%s: refused, unknown, without TLS, silent", async (host) => {
    expect(await triedWithout(host, `http://localhost:${await closedPort()}`)).toMatchObject({ code: "CONNECTION_REFUSED" });
    expect(await triedWithout(host, "http://x.invalid")).toMatchObject({ code: "HOST_NOT_FOUND" });
    expect(await triedWithout(host, google.url.replace("http:", "https:"))).toMatchObject({ code: "TLS_ERROR" });
    const silent = await rawServer();
    const before = openSockets();
    const outcome = await impatiently(app, () => triedWithout(host, `http://localhost:${silent.port}`));
    expect(outcome).toMatchObject({ code: "TIMEOUT" });
    await silent.close();
    await expect.poll(openSockets).toBeLessThanOrEqual(before + 1);
  });
});

test("an address that is not allowed is BLOCKED_ADDRESS", async () => {
  const closed = await startNativeApp("");
  routeHosts(closed, () => google.url);
  try {
    const fields = { projectId: "some-project", serviceAccountJson: JSON.parse(key), bucket: "photos" };
    expect(await tryNative(closed, "gcs", fields)).toMatchObject({ ok: false, code: "BLOCKED_ADDRESS" });
  } finally {
    await closed.close();
  }
});
