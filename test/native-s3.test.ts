import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";
import { type NativeS3, startNativeS3 } from "./support/native-s3.ts";
import { routeHosts } from "./support/routed.ts";

const KEY = "AKIA1234567890ABCDEF";
const OTHER_KEY = "0123456789abcdef0123456789abcdef";
const SECRET = "right/secret+with=signs";
const ACCOUNT = "fedcba9876543210fedcba9876543210";

let app: TestApp;
let store: NativeS3;
let secured: NativeS3;

beforeAll(async () => {
  [app, store, secured] = await Promise.all([startNativeApp(), startNativeS3(), startNativeS3(LOCALHOST)]);
  for (const s3 of [store, secured]) {
    s3.keys.set(KEY, { secretAccessKey: SECRET, arn: "" });
    s3.keys.set(OTHER_KEY, { secretAccessKey: SECRET, arn: "" });
    s3.keys.set("ASIA1234567890ABCDEF", { secretAccessKey: SECRET, sessionToken: "session==", arn: "" });
    s3.buckets.set("photos", { region: "eu-west-1", closedTo: [OTHER_KEY] });
    s3.buckets.set("dotted.photos", { region: "eu-west-1" });
    for (const region of ["auto", "nyc3", "us-west-004"]) s3.buckets.set(`photos-${region}`, { region });
  }
  routeHosts(app, (host) =>
    /\.(amazonaws\.com|r2\.cloudflarestorage\.com|backblazeb2\.com|digitaloceanspaces\.com|wasabisys\.com)$/.test(host)
      ? store.url
      : null,
  );
}, 120_000);
afterAll(async () => {
  await Promise.all([app?.close(), store?.close(), secured?.close()]);
});
beforeEach(() => {
  store.seen.length = 0;
});

const LOGIN = { accessKeyId: KEY, secretAccessKey: SECRET, region: "eu-west-1", bucket: "photos" };
const triedAt = (s3: NativeS3, more: object = {}) =>
  tryNative(app, "minio", { ...LOGIN, endpoint: s3.url, forcePathStyle: true, ...more });
const tried = (more: object = {}) => triedAt(store, more);

describe("a store of one's own that speaks S3", () => {
  testUnreachable(() => ({
    app,
    slug: "minio",
    fields: { ...LOGIN, forcePathStyle: true },
    at: (host, port) => ({ endpoint: `http://${host}:${port}` }),
  }));

  test("lets in with the right key, and lists one object", async () => {
    expect(await tried()).toMatchObject({ ok: true, code: "OK", remedy: null });
    expect(store.seen).toEqual([`localhost:${store.port} /photos list-type=2&max-keys=1`]);
  });

  test.each([
    ["a wrong secret", { secretAccessKey: "wrong-secret" }, "INVALID_CREDENTIALS"],
    ["an unknown key", { accessKeyId: "AKIAUNKNOWN" }, "INVALID_CREDENTIALS"],
    ["temporary keys without their session token", { accessKeyId: "ASIA1234567890ABCDEF" }, "INVALID_CREDENTIALS"],
    ["a bucket that is not there", { bucket: "elsewhere" }, "RESOURCE_NOT_FOUND"],
    ["a bucket that this key may not list", { accessKeyId: OTHER_KEY }, "PERMISSION_DENIED"],
    ["another region than the bucket's", { region: "us-east-1" }, "RESOURCE_NOT_FOUND"],
  ])("%s is told as such, with a remedy and without the secret", async (_what, more, code) => {
    const outcome = await tried(more);
    expect(outcome).toMatchObject({ ok: false, code });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/right\/secret|wrong-secret|<b>/);
  });

  test("is told in which region the bucket is", async () => {
    expect((await tried({ region: "us-east-1" })).remedy).toContain("eu-west-1");
    const hosted = await tryNative(app, "s3", { ...LOGIN, region: "us-east-1" });
    expect(hosted).toMatchObject({ code: "RESOURCE_NOT_FOUND" });
    expect(hosted.remedy).toContain("eu-west-1");
  });

  test("signs what stands in a prefix, whatever it is", async () => {
    const prefix = "a b+c/ü(1)'*!~&=%41?";
    expect(await tried({ prefix })).toMatchObject({ ok: true });
    expect(store.seen).toEqual([`localhost:${store.port} /photos list-type=2&max-keys=1&prefix=${prefix}`]);
  });

  test("is asked over TLS by whoever has the authority's certificate, and by nobody else", async () => {
    expect(await triedAt(secured, { caCertificate: LOCALHOST.cert })).toMatchObject({ ok: true });
    expect(await triedAt(secured)).toMatchObject({ ok: false, code: "TLS_ERROR" });
    expect(
      await triedAt(secured, { endpoint: `https://127.0.0.1:${secured.port}`, caCertificate: LOCALHOST.cert }),
    ).toMatchObject({
      code: "TLS_ERROR",
    });
    expect(await triedAt(store, { endpoint: `https://localhost:${store.port}` })).toMatchObject({ code: "TLS_ERROR" });
  });

  test("is no such store where just anything answers", async () => {
    const page = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\nconnection: close\r\n\r\n<html>";
    const server = await rawServer((socket) => socket.on("data", () => socket.end(page)));
    expect(await tried({ endpoint: `http://127.0.0.1:${server.port}` })).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
    await server.close();
  });
});

describe("stores that are found by their region or account", () => {
  test.each([
    ["s3", {}, "photos.s3.eu-west-1.amazonaws.com /"],
    ["s3", { forcePathStyle: true }, "s3.eu-west-1.amazonaws.com /photos"],
    // No certificate has a name with a dot in the bucket.
    ["s3", { bucket: "dotted.photos" }, "s3.eu-west-1.amazonaws.com /dotted.photos"],
    [
      "backblaze-b2",
      { region: "us-west-004", bucket: "photos-us-west-004" },
      "photos-us-west-004.s3.us-west-004.backblazeb2.com /",
    ],
    [
      "cloudflare-r2",
      { region: "auto", bucket: "photos-auto", accountId: ACCOUNT },
      `photos-auto.${ACCOUNT}.r2.cloudflarestorage.com /`,
    ],
    ["digitalocean-spaces", { region: "nyc3", bucket: "photos-nyc3" }, "photos-nyc3.nyc3.digitaloceanspaces.com /"],
    ["wasabi", {}, "photos.s3.eu-west-1.wasabisys.com /"],
  ])("%s with %j", async (slug, more, seen) => {
    expect(await tryNative(app, slug, { ...LOGIN, ...more })).toMatchObject({ ok: true, code: "OK" });
    expect(store.seen).toEqual([`${seen} list-type=2&max-keys=1`]);
  });

  test("take temporary keys with their session token", async () => {
    const temporary = { accessKeyId: "ASIA1234567890ABCDEF", sessionToken: "session==" };
    expect(await tryNative(app, "s3", { ...LOGIN, ...temporary })).toMatchObject({ ok: true });
  });
});
