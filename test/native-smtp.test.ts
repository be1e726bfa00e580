import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { openSockets, rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

interface Smtp {
  port: number;
  close(): Promise<void>;
}

async function startSmtp(options: SMTPServerOptions): Promise<Smtp> {
  const server = new SMTPServer({
    ...LOCALHOST,
    authMethods: ["PLAIN", "LOGIN"],
    disableReverseLookup: true,
    onAuth({ username, password }, _session, done) {
      if (username === "ada" && password === "correct horse") done(null, { user: "ada" });
      else done(Object.assign(new Error("5.7.8 no <script>"), { responseCode: 535 }));
    },
    ...options,
  });
  server.on("error", () => {});
  server.listen(0, "127.0.0.1");
  await once(server.server, "listening");
  return {
    port: (server.server.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

let app: TestApp;
let starttls: Smtp;
let tls: Smtp;
let plain: Smtp;
let open: Smtp;

describe("an SMTP server", () => {
  beforeAll(async () => {
    [app, starttls, tls, plain, open] = await Promise.all([
      startNativeApp(),
      startSmtp({}),
      startSmtp({ secure: true }),
      startSmtp({ disabledCommands: ["STARTTLS"], allowInsecureAuth: true }),
      startSmtp({ disabledCommands: ["STARTTLS", "AUTH"], authOptional: true }),
    ]);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([app, starttls, tls, plain, open].map((one) => one?.close()));
  });

  const fieldsOf = (server: { port: number }, more: object = {}) => ({
    host: "localhost",
    port: server.port,
    security: "none",
    username: "ada",
    password: "correct horse",
    ...more,
  });
  const tried = (server: { port: number }, more: object = {}) => tryNative(app, "smtp", fieldsOf(server, more));

  describe.each(["none", "starttls", "tls"])("with security %s", (security) => {
    testUnreachable(() => ({ app, slug: "smtp", fields: fieldsOf(plain, { security }), at: (host, port) => ({ host, port }) }));
  });

  test("lets in with the right password, and keeps no connection", async () => {
    const before = openSockets();
    expect(await tried(plain)).toMatchObject({ ok: true, code: "OK", remedy: null });
    // The server of this very process lingers a moment.
    await expect.poll(openSockets, { timeout: 5_000 }).toBeLessThanOrEqual(before);
  });

  test.each([
    ["a wrong password", { password: "battery staple" }],
    ["a user that does not exist", { username: "eve" }],
  ])("%s is INVALID_CREDENTIALS, with a remedy and without password or server text", async (_what, more) => {
    const outcome = await tried(plain, more);
    expect(outcome).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/horse|staple|script/);
  });

  test("without a user name a server that wants none is enough, and a password nobody asks for is no proof", async () => {
    const nobody = { username: undefined, password: undefined };
    expect(await tried(open, nobody)).toMatchObject({ ok: true });
    expect(await tried(open)).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS", remedy: /empty/ });
  });

  test.each([
    ["from the start", "tls", () => tls],
    ["with STARTTLS", "starttls", () => starttls],
  ])(
    "TLS %s is verified: with the CA certificate it works, without it or by another name not",
    async (_how, security, server) => {
      const trusted = { security, caCertificate: LOCALHOST.cert };
      expect(await tried(server(), trusted)).toMatchObject({ ok: true });
      expect(await tried(server(), { ...trusted, password: "battery staple" })).toMatchObject({ code: "INVALID_CREDENTIALS" });
      expect(await tried(server(), { security })).toMatchObject({ code: "TLS_ERROR", remedy: /CA certificate/ });
      expect(await tried(server(), { ...trusted, host: "127.0.0.1" })).toMatchObject({ code: "TLS_ERROR", remedy: /host/ });
    },
  );

  test("TLS that one side has and the other not is TLS_ERROR, and no password goes out in the clear", async () => {
    expect(await tried(plain, { security: "starttls" })).toMatchObject({ ok: false, code: "TLS_ERROR" });
    expect(await tried(plain, { security: "tls" })).toMatchObject({ ok: false, code: "TLS_ERROR" });
    expect(await tried(starttls)).toMatchObject({ ok: false, code: "TLS_ERROR", remedy: /STARTTLS/ });
  });

  test("a server of another kind is PROVIDER_ERROR, and what it writes is not shown", async () => {
    const other = await rawServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n<script>"));
    const outcome = await tried(other);
    await other.close();
    expect(outcome).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
    expect(JSON.stringify(outcome)).not.toContain("script");
  });
});
