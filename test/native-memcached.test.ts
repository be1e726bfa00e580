import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { type Daemon, findBinary, ownedFile, startDaemon } from "./support/daemon.ts";
import { openSockets, rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

const SERVER = findBinary("memcached");

let app: TestApp;
let open: Daemon;
let guarded: Daemon;

// Memcached is a package of Debian of that name.
describe.skipIf(!SERVER)("a Memcached server", () => {
  beforeAll(async () => {
    const flags = (port: number) => ["-l", "127.0.0.1", "-p", String(port), "-U", "0", "-m", "8"];
    const prepare = (directory: string) => ownedFile(join(directory, "logins"), "ada:correct-horse\n");
    [app, open, guarded] = await Promise.all([
      startNativeApp(),
      startDaemon(SERVER!, flags),
      startDaemon(SERVER!, (port) => [...flags(port), "-Y", "logins"], { prepare }),
    ]);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([app?.close(), open?.stop(), guarded?.stop()]);
  });

  const tried = (servers: string, more: object = {}) => tryNative(app, "memcached", { servers, ...more });
  const at = (server: Daemon) => `localhost:${server.port}`;

  testUnreachable(() => ({ app, slug: "memcached", fields: {}, at: (host, port) => ({ servers: `${host}:${port}` }) }));

  test("answers, and keeps no connection", async () => {
    const before = openSockets();
    expect(await tried(at(open))).toMatchObject({ ok: true, code: "OK" });
    expect(await tried(at(guarded), { username: "ada", password: "correct-horse" })).toMatchObject({ code: "OK" });
    await expect.poll(openSockets).toBeLessThanOrEqual(before);
  });

  test("wants the right user name and password", async () => {
    for (const login of [{}, { username: "ada", password: "wrong" }, { username: "eve", password: "correct-horse" }])
      expect(await tried(at(guarded), login)).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
  });

  test("a login that the server does not have is told, and sent to nobody", async () => {
    expect(await tried(at(open), { username: "ada", password: "correct-horse" })).toMatchObject({
      code: "INVALID_CREDENTIALS",
      remedy: /empty/,
    });
  });

  test("every server that is named is asked", async () => {
    const other = await rawServer((socket) => socket.end("220 mail.example ESMTP\r\n"));
    expect(await tried(`${at(open)}, localhost:${other.port}`)).toMatchObject({ code: "PROVIDER_ERROR" });
    await other.close();
  });

  test("SASL over the binary protocol", async () => {
    // Answers as a server with SASL does, which hangs up on text: a header of 24 bytes with the status, for one pair of user name and password.
    const sasl = await rawServer((socket) =>
      socket.on("data", (question: Buffer) => {
        if (question[0] !== 0x80) return socket.end();
        const isLogin = question[1] === 0x21;
        const answer = Buffer.alloc(24);
        answer[0] = 0x81;
        answer[1] = question[1] ?? 0;
        if (isLogin && !question.includes("PLAIN\0ada\0correct-horse")) answer.writeUInt16BE(0x20, 6);
        socket.write(answer);
      }),
    );
    expect(await tried(`localhost:${sasl.port}`, { username: "ada", password: "correct-horse" })).toMatchObject({ code: "OK" });
    expect(await tried(`localhost:${sasl.port}`, { username: "ada", password: "x" })).toMatchObject({
      code: "INVALID_CREDENTIALS",
    });
    await sasl.close();
  });
});
