import { createHmac } from "node:crypto";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { type Daemon, findBinary, startDaemon } from "./support/daemon.ts";
import { startNativeApp, tryNative } from "./support/native.ts";

/** Microsoft's own emulator of storage accounts: `npm install --no-save azurite` (370 MB with what it needs, which is why it is no dependency); `.ci/run` installs it. */
const [BLOB, QUEUE] = [findBinary("azurite-blob"), findBinary("azurite-queue")];

/** The account and key that the emulator documents. */
const ACCOUNT = "devstoreaccount1";
const KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const WRONG = KEY.replace("Eby8", "Abc8");

/** An account's shared access signature ("Create an account SAS"). */
function signature({ sp = "rwdlacup", seconds = 3_600 } = {}): string {
  const parts = {
    sv: "2021-12-02",
    ss: "bq",
    srt: "sco",
    sp,
    se: `${new Date(Date.now() + seconds * 1_000).toISOString().slice(0, 19)}Z`,
  };
  const text = [ACCOUNT, parts.sp, parts.ss, parts.srt, "", parts.se, "", "", parts.sv, "", ""].join("\n");
  const sig = createHmac("sha256", Buffer.from(KEY, "base64")).update(text).digest("base64");
  return new URLSearchParams({ ...parts, sig }).toString();
}

describe.skipIf(!BLOB || !QUEUE)("Azurite (skipped where it is not installed)", () => {
  let app: TestApp;
  let blob: Daemon;
  let queue: Daemon;

  const started = (binary: string, kind: string) =>
    startDaemon(
      binary,
      (port, directory) => [
        ...[`--${kind}Host`, "127.0.0.1", `--${kind}Port`, String(port), "--location", directory],
        ...["--silent", "--skipApiVersionCheck", "--disableTelemetry"],
      ],
      // Whoever runs the tests may read where it is installed; others may not.
      { asRoot: true },
    );

  beforeAll(async () => {
    [app, blob, queue] = await Promise.all([startNativeApp(), started(BLOB!, "blob"), started(QUEUE!, "queue")]);
    for (const url of [`${blob.port}/${ACCOUNT}/photos?restype=container&`, `${queue.port}/${ACCOUNT}/jobs?`]) {
      const { status } = await fetch(`http://127.0.0.1:${url}${signature()}`, { method: "PUT" });
      if (status !== 201) throw new Error(`Azurite does not make ${url}: ${status}.`);
    }
  }, 120_000);
  afterAll(async () => {
    await Promise.all([app?.close(), blob?.stop(), queue?.stop()]);
  });

  const string = (key = KEY) =>
    [
      `AccountName=${ACCOUNT};AccountKey=${key}`,
      `BlobEndpoint=http://127.0.0.1:${blob.port}/${ACCOUNT}`,
      `QueueEndpoint=http://127.0.0.1:${queue.port}/${ACCOUNT}`,
    ].join(";");
  const bySignature = (sasToken: string) => ({
    ...{ authType: "sasToken", accountName: ACCOUNT, container: "photos", sasToken },
    endpoint: `http://127.0.0.1:${blob.port}/${ACCOUNT}`,
  });

  test.each<[what: string, slug: string, fields: () => object, code: string]>([
    ["the right key", "azure-blob", () => ({ connectionString: string(), container: "photos" }), "OK"],
    ["a wrong key", "azure-blob", () => ({ connectionString: string(WRONG), container: "photos" }), "INVALID_CREDENTIALS"],
    ["no such container", "azure-blob", () => ({ connectionString: string(), container: "none" }), "RESOURCE_NOT_FOUND"],
    ["a signature", "azure-blob", () => bySignature(signature()), "OK"],
    ["a signature that may not list", "azure-blob", () => bySignature(signature({ sp: "r" })), "PERMISSION_DENIED"],
    ["a signature that has run out", "azure-blob", () => bySignature(signature({ seconds: -60 })), "TOKEN_EXPIRED"],
    ["the right key", "azure-queue-storage", () => ({ connectionString: string() }), "OK"],
    ["the right key and queue", "azure-queue-storage", () => ({ connectionString: string(), queue: "jobs" }), "OK"],
    ["a wrong key", "azure-queue-storage", () => ({ connectionString: string(WRONG), queue: "jobs" }), "INVALID_CREDENTIALS"],
    ["no such queue", "azure-queue-storage", () => ({ connectionString: string(), queue: "none" }), "RESOURCE_NOT_FOUND"],
  ])("%s of %s", async (_what, slug, fields, code) => {
    expect(await tryNative(app, slug, fields())).toMatchObject({ ok: code === "OK", code });
  });
});
