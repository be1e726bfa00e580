import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type Daemon, findBinary, ownedFile, startDaemon } from "./support/daemon.ts";
import { closedPort, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

const ETCD = findBinary("etcd");

let app: TestApp;
let open: Daemon;
let closed: Daemon;
let secured: Daemon;

async function startEtcd(certificate?: { key: string; cert: string }): Promise<Daemon> {
  const peer = await closedPort();
  const scheme = certificate ? "https" : "http";
  return startDaemon(
    ETCD!,
    (port, directory) => [
      ...["--data-dir", join(directory, "data"), "--listen-peer-urls", `http://127.0.0.1:${peer}`],
      ...["--listen-client-urls", `${scheme}://127.0.0.1:${port}`, "--advertise-client-urls", `${scheme}://localhost:${port}`],
      ...(certificate ? ["--cert-file", join(directory, "cert.pem"), "--key-file", join(directory, "key.pem")] : []),
    ],
    {
      prepare(directory) {
        ownedFile(join(directory, "cert.pem"), certificate?.cert ?? "");
        ownedFile(join(directory, "key.pem"), certificate?.key ?? "");
      },
    },
  );
}

/** It takes calls a moment later than connections: until it has elected itself. */
async function call(server: Daemon, path: string, body: object): Promise<void> {
  const init = { method: "POST", body: JSON.stringify(body) };
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const response = await fetch(`http://127.0.0.1:${server.port}/v3/${path}`, init);
    if (response.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`etcd does not take ${path}.`);
}

beforeAll(async () => {
  app = await startNativeApp();
  if (!ETCD) return;
  [open, closed, secured] = await Promise.all([startEtcd(), startEtcd(), startEtcd(LOCALHOST)]);
  await call(closed, "auth/user/add", { name: "root", password: "correct horse" });
  await call(closed, "auth/user/grant", { user: "root", role: "root" });
  await call(closed, "auth/user/add", { name: "ada", password: "correct horse" });
  await call(closed, "auth/enable", {});
}, 120_000);
afterAll(async () => {
  await Promise.all([app?.close(), open?.stop(), closed?.stop(), secured?.stop()]);
});

const tried = (server: Daemon, more: object = {}) =>
  tryNative(app, "etcd", { hosts: `http://localhost:${server.port}`, ...more });

describe("etcd", () => {
  testUnreachable(() => ({ app, slug: "etcd", fields: {}, at: (host, port) => ({ hosts: `http://${host}:${port}` }) }));
});

describe.skipIf(!ETCD)("an etcd server (skipped where etcd is not installed)", () => {
  test("without users lets anybody in, and nobody by a password", async () => {
    expect(await tried(open)).toMatchObject({ ok: true, code: "OK" });
    const outcome = await tried(open, { username: "ada", password: "correct horse" });
    expect(outcome).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(outcome.remedy).toContain("Leave user name and password empty");
  });

  test("with users lets in with the right password", async () => {
    expect(await tried(closed, { username: "ada", password: "correct horse" })).toMatchObject({ ok: true, code: "OK" });
  });

  test.each([
    ["a wrong password", { username: "ada", password: "battery staple" }],
    ["a user that does not exist", { username: "nobody", password: "correct horse" }],
    ["no user", {}],
  ])("with users tells %s", async (_what, more) => {
    const outcome = await tried(closed, more);
    expect(outcome).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(JSON.stringify(outcome)).not.toMatch(/horse|staple/);
  });

  test("is reached over TLS with the authority's certificate only", async () => {
    const hosts = `https://localhost:${secured.port}`;
    expect(await tried(secured, { hosts, caCertificate: LOCALHOST.cert })).toMatchObject({ ok: true });
    expect(await tried(secured, { hosts })).toMatchObject({ ok: false, code: "TLS_ERROR" });
    expect(await tried(open, { hosts: `https://localhost:${open.port}` })).toMatchObject({ ok: false, code: "TLS_ERROR" });
  });
});
