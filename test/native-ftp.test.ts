import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type Daemon, findBinary, startDaemon, unprivileged } from "./support/daemon.ts";
import { openSockets, rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

const SERVER = findBinary("proftpd");

/** `correct horse`, as crypt(3) with SHA-512 makes it. */
const PASSWORD_HASH = "$6$moorline$u8lAi4Q5jfWMH4b58pMYMzUX839KoFgf8QWQUD4B0urrdg9YQQPRCG2AMrDjBofdW1vNpyRTqxKsW33qJfvCL0";

const config = (port: number, directory: string, more: string) => `
ServerType standalone
DefaultAddress 127.0.0.1
Port ${port}
UseIPv6 off
UseReverseDNS off
PidFile ${directory}/pid
ScoreboardFile ${directory}/scoreboard
DelayTable none
ModulePath /usr/lib/proftpd
AuthPAM off
AuthOrder mod_auth_file.c
AuthUserFile ${directory}/users
RequireValidShell off
${process.getuid?.() === 0 ? "User nobody\nGroup nogroup" : ""}
WtmpLog off
TransferLog none
SystemLog none
${more}
`;

const write = (path: string, text: string) => writeFileSync(path, text, { mode: 0o600 });

function startFtp(more = "", modules: string[] = []): Promise<Daemon> {
  const { uid, gid } = unprivileged() ?? { uid: process.getuid!(), gid: process.getgid!() };
  return startDaemon(SERVER!, (_port, directory) => ["-n", "-q", "-c", join(directory, "proftpd.conf")], {
    // It begins with all rights, if it has them, and gives them up itself.
    asRoot: true,
    prepare(directory, port) {
      chmodSync(directory, 0o755);
      mkdirSync(join(directory, "files"));
      write(join(directory, "users"), `ada:${PASSWORD_HASH}:${uid}:${gid}::${directory}/files:/bin/false\n`);
      write(join(directory, "cert.pem"), LOCALHOST.cert);
      write(join(directory, "key.pem"), LOCALHOST.key);
      const loaded = modules.map((name) => `LoadModule ${name}`).join("\n");
      write(join(directory, "proftpd.conf"), config(port, directory, `${loaded}\n${more}`).replaceAll("@/", `${directory}/`));
    },
  });
}

const TLS = "TLSEngine on\nTLSECCertificateFile @/cert.pem\nTLSECCertificateKeyFile @/key.pem\nTLSRequired on";

let app: TestApp;
let plain: Daemon;
let explicit: Daemon;
let implicit: Daemon;

// proftpd is Debian's packages proftpd-core and proftpd-mod-crypto.
describe.skipIf(!SERVER)("an FTP server", () => {
  beforeAll(async () => {
    [app, plain, explicit, implicit] = await Promise.all([
      startNativeApp(),
      startFtp(),
      startFtp(TLS, ["mod_tls.c"]),
      startFtp(`${TLS}\nTLSOptions UseImplicitSSL`, ["mod_tls.c"]),
    ]);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([app?.close(), plain?.stop(), explicit?.stop(), implicit?.stop()]);
  });

  const ADA = { host: "localhost", username: "ada", password: "correct horse" };
  const tried = (server: { port: number }, more: object = {}) => tryNative(app, "ftp", { ...ADA, port: server.port, ...more });

  describe.each(["none", "explicit", "implicit"])("with TLS setting %s", (secure) => {
    testUnreachable(() => ({ app, slug: "ftp", fields: { ...ADA, secure }, at: (host, port) => ({ host, port }) }));
  });

  test("lets in with the right password, lists the folder, and keeps no connection", async () => {
    const before = openSockets();
    expect(await tried(plain)).toMatchObject({ ok: true, code: "OK", remedy: null });
    expect(await tried(plain, { rootPath: `${plain.directory}/files` })).toMatchObject({ ok: true });
    await expect.poll(openSockets).toBeLessThanOrEqual(before);
  });

  test("a folder of any size is only read as far as needed", async () => {
    const folder = join(plain.directory, "files", "many");
    mkdirSync(folder);
    // Some 265 bytes each, in a list of 1.6 million.
    for (let index = 0; index < 6_000; index++) write(join(folder, String(index).padStart(200, "a")), "");
    expect(await tryNative(app, "ftp", { ...ADA, port: plain.port, rootPath: folder })).toMatchObject({ ok: true });
  });

  test.each([
    ["a wrong password", { password: "battery staple" }, "INVALID_CREDENTIALS"],
    ["a user that does not exist", { username: "eve" }, "INVALID_CREDENTIALS"],
    ["a folder that does not exist", { rootPath: "/no/such/folder" }, "RESOURCE_NOT_FOUND"],
    ["TLS asked of a server that has none", { secure: "explicit" }, "TLS_ERROR"],
  ])("%s is told as such, with a remedy and without the password", async (_what, more, code) => {
    const outcome = await tried(plain, more);
    expect(outcome).toMatchObject({ ok: false, code });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/horse|staple/);
  });

  test.each([
    ["explicit", () => explicit],
    ["implicit", () => implicit],
  ])("%s TLS is verified: with the CA certificate it works, without it or by another name not", async (secure, server) => {
    const trusted = { secure, caCertificate: LOCALHOST.cert };
    expect(await tried(server(), trusted)).toMatchObject({ ok: true });
    expect(await tried(server(), { ...trusted, password: "battery staple" })).toMatchObject({ code: "INVALID_CREDENTIALS" });
    expect(await tried(server(), { secure })).toMatchObject({ code: "TLS_ERROR", remedy: /CA certificate/ });
    expect(await tried(server(), { ...trusted, host: "127.0.0.1" })).toMatchObject({ code: "TLS_ERROR", remedy: /host/ });
  });

  test("a server that wants TLS is told from a wrong password", async () => {
    expect(await tried(explicit)).toMatchObject({ ok: false, code: "TLS_ERROR", remedy: /explicit TLS/ });
  });

  test("an address that the server names for the second connection is checked like the first", async () => {
    const server = await rawServer((socket) => {
      socket.write("220 hello\r\n");
      socket.on("data", (piece) => {
        for (const line of String(piece).trim().split("\r\n")) socket.write(`${answerTo(line)}\r\n`);
      });
    });
    const answerTo = (line: string): string => {
      if (line.startsWith("USER")) return "331 password";
      if (line.startsWith("PASS")) return "230 in";
      if (line === "EPSV") return "500 unknown";
      if (line === "PASV") return "227 here (10,0,0,1,4,1)";
      if (line === "FEAT") return "500 unknown";
      return "200 fine";
    };
    const outcome = await tried(server);
    await server.close();
    expect(outcome).toMatchObject({ ok: false, code: "BLOCKED_ADDRESS", message: /10\.0\.0\.1/ });
  });

  test("a server of another kind is PROVIDER_ERROR, and what it writes is not shown", async () => {
    const other = await rawServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n<script>"));
    const outcome = await tried(other);
    await other.close();
    expect(outcome).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
    expect(JSON.stringify(outcome)).not.toContain("script");
  });
});
