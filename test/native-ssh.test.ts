import { createHash } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import ssh2 from "ssh2";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { type Daemon, findBinary, startDaemon } from "./support/daemon.ts";
import { openSockets, rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

const SERVER = findBinary("sshd");
const { utils, Server } = ssh2;

const HOST_KEY = utils.generateKeyPairSync("ed25519");
const USER_KEY = utils.generateKeyPairSync("ed25519", { passphrase: "open sesame", cipher: "aes256-ctr" } as never);
const OTHER_KEY = utils.generateKeyPairSync("ed25519");

const fingerprint = (publicKey: string) =>
  `SHA256:${createHash("sha256")
    .update(Buffer.from(publicKey.split(" ")[1]!, "base64"))
    .digest("base64")
    .replace(/=+$/, "")}`;

const config = (port: number, directory: string) => `
ListenAddress 127.0.0.1:${port}
HostKey ${directory}/host_key
AuthorizedKeysFile ${directory}/authorized_keys
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
PasswordAuthentication yes
Subsystem sftp internal-sftp
`;

/** OpenSSH as this very user: the only one whose files it could use anyway. */
function startSshd(): Promise<Daemon> {
  // It wants this folder whoever it is, and Debian makes it only when the service starts.
  if (process.getuid?.() === 0) mkdirSync("/run/sshd", { recursive: true });
  return startDaemon(SERVER!, (_port, directory) => ["-D", "-e", "-f", join(directory, "sshd_config")], {
    asRoot: true,
    prepare(directory, port) {
      mkdirSync(join(directory, "files"));
      writeFileSync(join(directory, "host_key"), `${HOST_KEY.private.trim()}\n`, { mode: 0o600 });
      writeFileSync(join(directory, "authorized_keys"), `${USER_KEY.public}\n`, { mode: 0o600 });
      writeFileSync(join(directory, "sshd_config"), config(port, directory));
    },
  });
}

/** ssh2's own server, since OpenSSH knows no passwords but those of the machine. It asks for them one question at a time. */
async function startPasswords(method: "password" | "keyboard-interactive"): Promise<{ port: number; close(): void }> {
  const server = new Server({ hostKeys: [HOST_KEY.private] }, (client) => {
    client.on("error", () => {});
    client.on("authentication", (context) => {
      if (context.method !== method) return context.reject([method]);
      const judge = (password: string | undefined) =>
        context.username === "ada" && password === "correct horse" ? context.accept() : context.reject([method]);
      if (context.method === "password") judge(context.password);
      if (context.method === "keyboard-interactive")
        context.prompt([{ prompt: "Password: ", echo: false }], ([answer]) => judge(answer));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

let app: TestApp;
beforeAll(async () => {
  app = await startNativeApp();
}, 120_000);
afterAll(() => app?.close());

// sshd is Debian's package openssh-server.
describe.skipIf(!SERVER)("an OpenSSH server", () => {
  let server: Daemon;
  beforeAll(async () => {
    server = await startSshd();
  }, 120_000);
  afterAll(() => server?.stop());

  const LOGIN = {
    username: userInfo().username,
    authType: "privateKey",
    privateKey: USER_KEY.private,
    passphrase: "open sesame",
  };
  const tried = (slug: string, more: object = {}) =>
    tryNative(app, slug, { host: "localhost", port: server.port, ...LOGIN, ...more });

  describe.each(["ssh", "sftp"])("by %s", (slug) => {
    testUnreachable(() => ({ app, slug, fields: LOGIN, at: (host, port) => ({ host, port }) }));

    test("lets in with the right key, and keeps no connection", async () => {
      const before = openSockets();
      expect(await tried(slug)).toMatchObject({ ok: true, code: "OK", remedy: null });
      await expect.poll(openSockets).toBeLessThanOrEqual(before);
    });

    test.each([
      ["another key", { privateKey: OTHER_KEY.private, passphrase: "" }],
      ["a wrong passphrase", { passphrase: "open barley" }],
      ["no passphrase", { passphrase: "" }],
      ["what is no key", { privateKey: "hello" }],
      ["the public key", { privateKey: OTHER_KEY.public }],
      ["a user that does not exist", { username: "no-such-user" }],
      ["a wrong password", { authType: "password", password: "battery staple" }],
    ])("%s is INVALID_CREDENTIALS, with a remedy and without the secret", async (_what, more) => {
      const outcome = await tried(slug, more);
      expect(outcome).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
      expect(outcome.remedy).toBeTruthy();
      expect(JSON.stringify(outcome)).not.toMatch(/sesame|barley|staple|PRIVATE KEY/);
    });

    test("says nothing to a host with another key than the one whose fingerprint was entered", async () => {
      expect(await tried(slug, { hostKeyFingerprint: fingerprint(HOST_KEY.public) })).toMatchObject({ ok: true });
      expect(await tried(slug, { hostKeyFingerprint: fingerprint(OTHER_KEY.public) })).toMatchObject({
        ok: false,
        code: "TLS_ERROR",
        message: /host key/,
      });
    });

    test("a server of another kind is told as such, and what it writes is not shown", async () => {
      const other = await rawServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n<script>"));
      const outcome = await tried(slug, { port: other.port });
      await other.close();
      expect(outcome).toMatchObject({ ok: false });
      expect(["TLS_ERROR", "PROVIDER_ERROR"]).toContain(outcome.code);
      expect(JSON.stringify(outcome)).not.toContain("script");
    });
  });

  test("SFTP opens the root path", async () => {
    expect(await tried("sftp", { rootPath: `${server.directory}/files` })).toMatchObject({ ok: true });
    expect(await tried("sftp", { rootPath: `${server.directory}/elsewhere` })).toMatchObject({ code: "RESOURCE_NOT_FOUND" });
  });
});

describe.each(["password", "keyboard-interactive"] as const)("an SSH server that takes passwords by the method %s", (method) => {
  test("lets in with the right one only, and an SFTP that is not there is told", async () => {
    const server = await startPasswords(method);
    const fields = { host: "localhost", port: server.port, username: "ada", authType: "password", password: "correct horse" };
    try {
      expect(await tryNative(app, "ssh", fields)).toMatchObject({ ok: true });
      expect(await tryNative(app, "ssh", { ...fields, password: "battery staple" })).toMatchObject({
        code: "INVALID_CREDENTIALS",
      });
      expect(await tryNative(app, "sftp", fields)).toMatchObject({ code: "PERMISSION_DENIED", message: /no SFTP/ });
    } finally {
      server.close();
    }
  });
});
