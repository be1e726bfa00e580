import { chownSync, mkdirSync, writeFileSync } from "node:fs";
import { userInfo } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { md4 } from "../src/probes/ntlm.ts";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type Daemon, findBinary, ownedFile, startDaemon, unprivileged } from "./support/daemon.ts";
import { rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

/** A real Samba, without privileges: its one user is whom it runs as. */

const smbd = findBinary("smbd");
const owner = unprivileged();
const username = owner ? "nobody" : userInfo().username;
const PASSWORD = "correct horse";
/** By another program: the MD4 of the password in UTF-16. */
const NT_HASH = "CFC43211BA8DC470832267827CAC1407";

const flagsWith = (more: string) => ({
  flags: (_port: number, directory: string) => ["-F", "--no-process-group", "-s", join(directory, "smb.conf")],
  prepare(directory: string, port: number) {
    for (const name of ["share", "share/inner", "share/closed"]) {
      mkdirSync(join(directory, name), { mode: name.endsWith("closed") ? 0o000 : 0o755 });
      if (owner) chownSync(join(directory, name), owner.uid, owner.gid);
    }
    ownedFile(join(directory, "share", "file.txt"), "hello");
    const { uid } = owner ?? userInfo();
    ownedFile(join(directory, "smbpasswd"), `${username}:${uid}:${"X".repeat(32)}:${NT_HASH}:[U          ]:LCT-65000000:\n`);
    const places = ["private dir", "lock directory", "state directory", "cache directory", "pid directory"];
    writeFileSync(
      join(directory, "smb.conf"),
      `[global]
        server role = standalone server
        workgroup = SHOP
        interfaces = 127.0.0.1
        bind interfaces only = yes
        smb ports = ${port}
        disable netbios = yes
        ${places.map((name) => `${name} = ${directory}`).join("\n")}
        ncalrpc dir = ${directory}/ncalrpc
        passdb backend = smbpasswd:${directory}/smbpasswd
        guest account = games
        log file = ${directory}/log
        load printers = no
        printcap name = /dev/null
        disable spoolss = yes
        rpc start on demand helpers = no
        usershare path =
        ${more}
      [docs]
        path = ${directory}/share
        guest ok = yes
      [secret]
        path = ${directory}/share
        valid users = games\n`,
    );
  },
});

async function startSamba(more: string): Promise<Daemon> {
  const { flags, prepare } = flagsWith(more);
  return startDaemon(smbd!, flags, { prepare });
}

let app: TestApp;
let strict: Daemon | undefined;
let lax: Daemon | undefined;
beforeAll(async () => {
  app = await startNativeApp();
  if (!smbd) return;
  strict = await startSamba("server signing = mandatory");
  lax = await startSamba("map to guest = Bad User\nserver signing = disabled");
});
afterAll(async () => {
  await app?.close();
  await Promise.all([strict, lax].map((daemon) => daemon?.stop()));
});

const FIELDS = { share: "docs", username, password: PASSWORD };
const tried = (more: object = {}) => tryNative(app, "smb", { ...FIELDS, host: "127.0.0.1", port: strict?.port ?? 0, ...more });

describe("an SMB server", () => {
  testUnreachable(() => ({ app, slug: "smb", fields: FIELDS, at: (host, port) => ({ host, port }) }));

  test.each([
    ["TLS", () => rawServer(() => {}, LOCALHOST)],
    ["HTTP", () => rawServer((socket) => socket.write("HTTP/1.1 400 Bad Request\r\n\r\n"))],
  ])("that speaks %s is none", async (_what, start) => {
    const other = await start();
    expect(await tried({ port: other.port })).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
    await other.close();
  });

  test("is signed to by MD4 as RFC 1320 has it (A.5)", () => {
    const digests = {
      "": "31d6cfe0d16ae931b73c59d7e0c089c0",
      abc: "a448017aaf21d8525fc10ae87aa6729d",
      "12345678901234567890123456789012345678901234567890123456789012345678901234567890": "e33b4ddc9c38f2199c3e7b164fcc0536",
    };
    for (const [text, digest] of Object.entries(digests)) expect(md4(Buffer.from(text)).toString("hex")).toBe(digest);
    expect(md4(Buffer.from(PASSWORD, "utf16le")).toString("hex").toUpperCase()).toBe(NT_HASH);
  });
});

describe.skipIf(!smbd)("a real Samba", () => {
  test("that wants every message signed lets the right user in, who opens a folder and a file", async () => {
    expect(await tried()).toMatchObject({ ok: true, code: "OK" });
    for (const path of ["inner", "/inner/", "file.txt"]) expect(await tried({ path })).toMatchObject({ ok: true });
    expect(await tried({ domain: "SHOP" })).toMatchObject({ ok: true });
  });

  test.each([
    ["a wrong password", { password: "wrong" }],
    ["a wrong user", { username: "eve" }],
  ])("%s is INVALID_CREDENTIALS", async (_what, more) => {
    expect(await tried(more)).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
  });

  test.each([
    ["a share", { share: "lost" }],
    ["a path", { path: "lost" }],
    ["a path in what is no folder", { path: "file.txt/lost" }],
  ])("%s that is not there is RESOURCE_NOT_FOUND", async (_what, more) => {
    expect(await tried(more)).toMatchObject({ ok: false, code: "RESOURCE_NOT_FOUND" });
  });

  test.each([
    ["a share", { share: "secret" }],
    ["a path", { path: "closed" }],
  ])("%s that is closed to the user is PERMISSION_DENIED", async (_what, more) => {
    expect(await tried(more)).toMatchObject({ ok: false, code: "PERMISSION_DENIED" });
  });

  test("one that lets strangers in as guests is not content for us", async () => {
    expect(await tried({ port: lax!.port })).toMatchObject({ ok: true });
    expect(await tried({ port: lax!.port, username: "eve" })).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
  });

  test("one that speaks SMB 3 only is told apart", async () => {
    const modern = await startSamba("server min protocol = SMB3");
    const result = await tried({ port: modern.port });
    await modern.stop();
    expect(result).toMatchObject({ ok: false, code: "PROVIDER_ERROR", message: expect.stringContaining("SMB 3") });
  });
});
