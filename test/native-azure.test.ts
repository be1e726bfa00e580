import { createHmac } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";
import { type NativeAzure, startNativeAzure } from "./support/native-azure.ts";
import { routeHosts } from "./support/routed.ts";

const KEY = Buffer.from("an account's key, which is some sixty-four bytes long, as all of them are.").toString("base64");
const WRONG = Buffer.from("another account's key, which is some sixty-four bytes long like the others.").toString("base64");
const TENANT = "11111111-2222-3333-4444-555555555555";
const CLIENT = "66666666-7777-8888-9999-000000000000";
const ENTRA = { authType: "servicePrincipal", tenantId: TENANT, clientId: CLIENT, clientSecret: "right horse" };
const BUS = "acme.servicebus.windows.net";

let app: TestApp;
let azure: NativeAzure;

beforeAll(async () => {
  [app, azure] = await Promise.all([startNativeApp(), startNativeAzure()]);
  azure.accounts.set("acme", KEY);
  azure.policies.set("Root", { key: "right horse", manages: true });
  azure.policies.set("Listener", { key: "right horse", manages: false });
  azure.apps.set(`${TENANT}/${CLIENT}`, "right horse");
  for (const thing of ["blob.core.windows.net/photos", "dfs.core.windows.net/lake", "file.core.windows.net/share"])
    azure.things.add(`acme.${thing}`);
  for (const thing of ["queue.core.windows.net/", "queue.core.windows.net/jobs", "blob.core.chinacloudapi.cn/photos"])
    azure.things.add(`acme.${thing}`);
  for (const thing of [
    "acme.documents.azure.com/",
    "acme.documents.azure.com/dbs/Shop",
    `${BUS}/orders`,
    `${BUS}/$Resources/Queues`,
  ])
    azure.things.add(thing);
  routeHosts(app, (host) =>
    /\.(windows\.net|azure\.com|microsoftonline\.com|chinacloudapi\.cn)$/.test(host) ? azure.url : null,
  );
}, 120_000);
afterAll(async () => {
  await Promise.all([app?.close(), azure?.close()]);
});
beforeEach(() => {
  azure.seen.length = 0;
  azure.instead = null;
});

/** An account's shared access signature, as the portal makes it. */
function signature(more: { sp?: string; seconds?: number; key?: string } = {}): string {
  const { sp = "rwdl", seconds = 3_600, key = KEY } = more;
  const se = `${new Date(Date.now() + seconds * 1_000).toISOString().slice(0, 19)}Z`;
  const parts = { sv: "2021-12-02", ss: "bqf", srt: "sco", sp, se };
  const text = ["acme", sp, parts.ss, parts.srt, "", se, "", "", parts.sv, "", ""].join("\n");
  const sig = createHmac("sha256", Buffer.from(key, "base64")).update(text).digest("base64");
  return `?${new URLSearchParams({ ...parts, sig })}`;
}

const storage = (key = KEY, more = "") =>
  `DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=${key};EndpointSuffix=core.windows.net;${more}`;
const bus = (name = "Root", key = "right horse", more = "") =>
  `Endpoint=sb://${BUS}/;SharedAccessKeyName=${name};SharedAccessKey=${key}${more}`;

/** Connector, what is entered, and the call that is made of it. */
const WORKING: [slug: string, fields: object, call: string][] = [
  [
    "azure-blob",
    { connectionString: storage(), container: "photos" },
    "GET acme.blob.core.windows.net/photos restype comp maxresults",
  ],
  [
    "azure-blob",
    { connectionString: storage(KEY, "BlobEndpoint=https://acme.blob.core.chinacloudapi.cn/"), container: "photos" },
    "GET acme.blob.core.chinacloudapi.cn/photos restype comp maxresults",
  ],
  [
    "azure-blob",
    { authType: "accountKey", accountName: "acme", accountKey: KEY, container: "photos" },
    "GET acme.blob.core.windows.net/photos restype comp maxresults",
  ],
  [
    "azure-blob",
    { ...ENTRA, accountName: "acme", container: "photos" },
    "GET acme.blob.core.windows.net/photos restype comp maxresults",
  ],
  [
    "azure-data-lake",
    { accountName: "acme", accountKey: KEY, fileSystem: "lake" },
    "GET acme.dfs.core.windows.net/lake resource recursive maxResults",
  ],
  [
    "azure-files",
    { connectionString: storage(), share: "share" },
    "GET acme.file.core.windows.net/share restype comp maxresults",
  ],
  ["azure-queue-storage", { connectionString: storage() }, "GET acme.queue.core.windows.net/ comp maxresults"],
  ["azure-queue-storage", { connectionString: storage(), queue: "jobs" }, "GET acme.queue.core.windows.net/jobs comp"],
  ["azure-queue-storage", { ...ENTRA, accountName: "acme", queue: "jobs" }, "GET acme.queue.core.windows.net/jobs comp"],
  ["azure-cosmos-db", { endpoint: "https://acme.documents.azure.com:443/", key: KEY }, "GET acme.documents.azure.com/"],
  [
    "azure-cosmos-db",
    { endpoint: "https://acme.documents.azure.com", key: KEY, database: "Shop" },
    "GET acme.documents.azure.com/dbs/Shop",
  ],
  ["azure-service-bus", { connectionString: bus() }, `GET ${BUS}/$Resources/Queues $top api-version`],
  ["azure-service-bus", { connectionString: bus(), queueOrTopic: "orders" }, `GET ${BUS}/orders api-version`],
  ["azure-service-bus", { connectionString: bus("Root", "right horse", ";EntityPath=orders") }, `GET ${BUS}/orders api-version`],
  ["azure-service-bus", { ...ENTRA, fullyQualifiedNamespace: BUS, queueOrTopic: "orders" }, `GET ${BUS}/orders api-version`],
];

test.each(WORKING)("%s with %j is asked one harmless question", async (slug, fields, call) => {
  expect(await tryNative(app, slug, fields)).toMatchObject({ ok: true, code: "OK" });
  expect(azure.seen).toEqual([call]);
});

test("a shared access signature is sent as it is", async () => {
  const fields = { authType: "sasToken", accountName: "acme", container: "photos", sasToken: signature() };
  expect(await tryNative(app, "azure-blob", fields)).toMatchObject({ ok: true, code: "OK" });
  const inString = `FileEndpoint=https://acme.file.core.windows.net/;SharedAccessSignature=${signature().slice(1)}`;
  expect(await tryNative(app, "azure-files", { connectionString: inString, share: "share" })).toMatchObject({ ok: true });
});

const sas = (sasToken: string) => ({ authType: "sasToken", accountName: "acme", container: "photos", sasToken });
const cosmos = { endpoint: "https://acme.documents.azure.com", key: KEY };

const FAILING: [what: string, slug: string, fields: object, code: string][] = [
  ["a wrong key", "azure-blob", { connectionString: storage(WRONG), container: "photos" }, "INVALID_CREDENTIALS"],
  ["half a key", "azure-blob", { connectionString: storage("c2hvcnQ="), container: "photos" }, "INVALID_CREDENTIALS"],
  [
    "a string of something else",
    "azure-files",
    { connectionString: "Server=x;Pwd=horse", share: "share" },
    "INVALID_CREDENTIALS",
  ],
  ["a container that is not there", "azure-blob", { connectionString: storage(), container: "none" }, "RESOURCE_NOT_FOUND"],
  ["a wrong key", "azure-data-lake", { accountName: "acme", accountKey: WRONG, fileSystem: "lake" }, "INVALID_CREDENTIALS"],
  [
    "a file system that is not there",
    "azure-data-lake",
    { accountName: "acme", accountKey: KEY, fileSystem: "x" },
    "RESOURCE_NOT_FOUND",
  ],
  ["a share that is not there", "azure-files", { connectionString: storage(), share: "none" }, "RESOURCE_NOT_FOUND"],
  ["a queue that is not there", "azure-queue-storage", { connectionString: storage(), queue: "none" }, "RESOURCE_NOT_FOUND"],
  ["a signature made with another key", "azure-blob", sas(signature({ key: WRONG })), "INVALID_CREDENTIALS"],
  ["a signature that may not list", "azure-blob", sas(signature({ sp: "w" })), "PERMISSION_DENIED"],
  ["a signature that has run out", "azure-blob", sas(signature({ seconds: -60 })), "TOKEN_EXPIRED"],
  [
    "a wrong client secret",
    "azure-blob",
    { ...ENTRA, clientSecret: "wrong horse", accountName: "acme", container: "photos" },
    "INVALID_CREDENTIALS",
  ],
  ["a wrong key", "azure-cosmos-db", { ...cosmos, key: WRONG }, "INVALID_CREDENTIALS"],
  ["a database that is not there", "azure-cosmos-db", { ...cosmos, database: "none" }, "RESOURCE_NOT_FOUND"],
  ["a wrong key", "azure-service-bus", { connectionString: bus("Root", "wrong horse") }, "INVALID_CREDENTIALS"],
  ["a policy that is not there", "azure-service-bus", { connectionString: bus("Nobody") }, "INVALID_CREDENTIALS"],
  [
    "a policy for messages only",
    "azure-service-bus",
    { connectionString: bus("Listener"), queueOrTopic: "orders" },
    "PERMISSION_DENIED",
  ],
  ["a queue that is not there", "azure-service-bus", { connectionString: bus(), queueOrTopic: "none" }, "RESOURCE_NOT_FOUND"],
];

test.each(FAILING)("%s of %s is told as such, with a remedy and without a secret", async (_what, slug, fields, code) => {
  const outcome = await tryNative(app, slug, fields);
  expect(outcome).toMatchObject({ ok: false, code });
  expect(outcome.remedy).toBeTruthy();
  expect(JSON.stringify(outcome)).not.toMatch(/horse|sig=|<b>/);
  expect(JSON.stringify(outcome)).not.toContain(KEY.slice(0, 20));
  expect(JSON.stringify(outcome)).not.toContain(WRONG.slice(0, 20));
});

test.each([
  ["AuthorizationFailure", "PERMISSION_DENIED", ""],
  ["KeyBasedAuthenticationNotPermitted", "PERMISSION_DENIED", "service principal"],
  ["AccountIsDisabled", "PERMISSION_DENIED", ""],
  ["ServerBusy", "RATE_LIMITED", ""],
  ["ContainerBeingDeleted", "PROVIDER_ERROR", ""],
])("the error %s is %s", async (error, code, remedy) => {
  azure.instead = [error === "ServerBusy" || error.startsWith("Container") ? 503 : 403, "", { "x-ms-error-code": error }];
  const outcome = await tryNative(app, "azure-blob", { connectionString: storage(), container: "photos" });
  expect(outcome).toMatchObject({ ok: false, code });
  expect(outcome.remedy).toContain(remedy);
});

test("is none of Azure's services where just anything answers", async () => {
  azure.instead = [200, "<html>"];
  const blob = { connectionString: storage(), container: "photos" };
  expect(await tryNative(app, "azure-blob", blob)).toMatchObject({ code: "PROVIDER_ERROR" });
  expect(await tryNative(app, "azure-service-bus", { connectionString: bus() })).toMatchObject({ code: "PROVIDER_ERROR" });
  expect(await tryNative(app, "azure-cosmos-db", cosmos)).toMatchObject({ code: "PROVIDER_ERROR" });
});

test("a clock that is wrong is told as such", async () => {
  azure.instead = [403, "<Error><Code>AuthenticationFailed</Code><X>Request date header too old</X></Error>"];
  const outcome = await tryNative(app, "azure-blob", { connectionString: storage(), container: "photos" });
  expect(outcome.remedy).toContain("clock");
});

describe("an account at an address of one's own", () => {
  const fields = { authType: "accountKey", accountName: "acme", accountKey: KEY, container: "photos" };
  testUnreachable(() => ({
    app,
    slug: "azure-blob",
    fields,
    at: (host, port) => ({ endpoint: `http://${host}:${port}/acme` }),
  }));

  test("is TLS_ERROR where its port speaks no TLS", async () => {
    const server = await rawServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    const endpoint = `https://127.0.0.1:${server.port}`;
    expect(await tryNative(app, "azure-blob", { ...fields, endpoint })).toMatchObject({ code: "TLS_ERROR" });
    const string = { connectionString: `Endpoint=sb://127.0.0.1:${server.port};SharedAccessKeyName=a;SharedAccessKey=b` };
    expect(await tryNative(app, "azure-service-bus", string)).toMatchObject({ code: "TLS_ERROR" });
    await server.close();
  });
});
