import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { accepting, type Daemon, findBinary, startDaemon } from "./support/daemon.ts";
import { closedPort, openSockets, rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

/** Dovecot gives up its own rights by half, so that it has to begin with all of them. */
const SERVER = process.getuid?.() === 0 ? findBinary("dovecot") : null;

interface Ports {
  imap: number;
  imaps: number;
  pop3: number;
  pop3s: number;
}

type Dovecot = Daemon & Ports;

const config = (ports: Ports, directory: string) => `
base_dir = ${directory}/run
state_dir = ${directory}/run
log_path = ${directory}/log
listen = 127.0.0.1
protocols = imap pop3
ssl = yes
disable_plaintext_auth = no
ssl_cert = <${directory}/cert.pem
ssl_key = <${directory}/key.pem
mail_location = maildir:${directory}/mail/%u
first_valid_uid = 1
auth_failure_delay = 0
service imap-login {
  inet_listener imap {
    port = ${ports.imap}
  }
  inet_listener imaps {
    port = ${ports.imaps}
  }
}
service pop3-login {
  inet_listener pop3 {
    port = ${ports.pop3}
  }
  inet_listener pop3s {
    port = ${ports.pop3s}
  }
}
# Or it would make everybody at this address wait after one wrong password.
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
service stats {
  unix_listener stats-writer {
    mode = 0666
  }
}
passdb {
  driver = passwd-file
  args = ${directory}/users
}
userdb {
  driver = static
  args = uid=mail gid=mail home=${directory}/mail
}
`;

async function startDovecot(): Promise<Dovecot> {
  const [imap, imaps, pop3, pop3s] = await Promise.all(Array.from({ length: 4 }, closedPort));
  const ports = { imap: imap!, imaps: imaps!, pop3: pop3!, pop3s: pop3s! };
  const server = await startDaemon(SERVER!, (_port, directory) => ["-F", "-c", join(directory, "dovecot.conf")], {
    asRoot: true,
    prepare(directory, port) {
      ports.imap = port;
      chmodSync(directory, 0o755);
      mkdirSync(join(directory, "mail"));
      chmodSync(join(directory, "mail"), 0o777);
      writeFileSync(join(directory, "users"), "ada:{PLAIN}correct horse\n");
      writeFileSync(join(directory, "cert.pem"), LOCALHOST.cert);
      writeFileSync(join(directory, "key.pem"), LOCALHOST.key, { mode: 0o600 });
      writeFileSync(join(directory, "dovecot.conf"), config(ports, directory));
    },
  });
  await Promise.all(Object.values(ports).map((port) => accepting(port)));
  return { ...server, ...ports };
}

const ADA = { host: "localhost", username: "ada", password: "correct horse" };

let app: TestApp;
let open: Dovecot;

// Debian's packages dovecot-imapd and dovecot-pop3d.
describe.skipIf(!SERVER)("a Dovecot server", () => {
  beforeAll(async () => {
    [app, open] = await Promise.all([startNativeApp(), startDovecot()]);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([app?.close(), open?.stop()]);
  });

  describe.each([
    ["imap", (server: Dovecot) => server.imap, (server: Dovecot) => server.imaps],
    ["pop3", (server: Dovecot) => server.pop3, (server: Dovecot) => server.pop3s],
  ] as const)("by %s", (slug, plainOf, tlsOf) => {
    const tried = (more: object) => tryNative(app, slug, { ...ADA, security: "none", port: plainOf(open), ...more });

    describe.each(["none", "starttls", "tls"])("with security %s", (security) => {
      testUnreachable(() => ({ app, slug, fields: { ...ADA, security }, at: (host, port) => ({ host, port }) }));
    });

    test("lets in with the right password, and keeps no connection", async () => {
      const before = openSockets();
      expect(await tried({})).toMatchObject({ ok: true, code: "OK", remedy: null });
      await expect.poll(openSockets).toBeLessThanOrEqual(before);
    });

    test.each([
      ["a wrong password", { password: "battery staple" }],
      ["a user that does not exist", { username: "eve" }],
    ])("%s is INVALID_CREDENTIALS, with a remedy and without the password", async (_what, more) => {
      const outcome = await tried(more);
      expect(outcome).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
      expect(outcome.remedy).toBeTruthy();
      expect(JSON.stringify(outcome)).not.toMatch(/horse|staple/);
    });

    test.each([
      ["from the start", "tls", () => tlsOf(open)],
      ["with STARTTLS", "starttls", () => plainOf(open)],
    ])(
      "TLS %s is verified: with the CA certificate it works, without it or by another name not",
      async (_how, security, port) => {
        const trusted = { security, port: port(), caCertificate: LOCALHOST.cert };
        expect(await tried(trusted)).toMatchObject({ ok: true });
        expect(await tried({ ...trusted, password: "battery staple" })).toMatchObject({ code: "INVALID_CREDENTIALS" });
        expect(await tried({ ...trusted, caCertificate: undefined })).toMatchObject({
          code: "TLS_ERROR",
          remedy: /CA certificate/,
        });
        expect(await tried({ ...trusted, host: "127.0.0.1" })).toMatchObject({ code: "TLS_ERROR", remedy: /host/ });
      },
    );

    test("TLS asked of a port that has none is TLS_ERROR", async () => {
      expect(await tried({ security: "tls" })).toMatchObject({ ok: false, code: "TLS_ERROR" });
    });

    test("a server of another kind is PROVIDER_ERROR, and what it writes is not shown", async () => {
      const other = await rawServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n<script>"));
      const outcome = await tried({ port: other.port });
      await other.close();
      expect(outcome).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
      expect(JSON.stringify(outcome)).not.toContain("script");
    });
  });

  test("an IMAP mailbox that does not exist is RESOURCE_NOT_FOUND", async () => {
    const tried = (mailbox: string) => tryNative(app, "imap", { ...ADA, port: open.imap, security: "none", mailbox });
    expect(await tried("Elsewhere")).toMatchObject({ ok: false, code: "RESOURCE_NOT_FOUND", remedy: /mailbox/ });
    expect(await tried("INBOX")).toMatchObject({ ok: true });
  });

  test.each([
    ["PRIVACYREQUIRED", "TLS_ERROR"],
    ["EXPIRED", "TOKEN_EXPIRED"],
    ["LIMIT", "RATE_LIMITED"],
    ["UNAVAILABLE", "PROVIDER_ERROR"],
    ["AUTHENTICATIONFAILED", "INVALID_CREDENTIALS"],
  ])("an IMAP server that answers a login with %s", async (why, code) => {
    const server = await rawServer((socket) => {
      socket.write("* OK [CAPABILITY IMAP4rev1] hello\r\n");
      socket.on("data", (piece) => {
        const [tag, command] = String(piece).split(" ");
        socket.write(command === "LOGIN" ? `${tag} NO [${why}] <script>\r\n` : `${tag} OK done\r\n`);
      });
    });
    const outcome = await tryNative(app, "imap", { ...ADA, port: server.port, security: "none" });
    await server.close();
    expect(outcome).toMatchObject({ ok: false, code });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toContain("script");
  });

  test("a POP3 server without STLS is TLS_ERROR, and one that limits logins RATE_LIMITED", async () => {
    const says = (answers: string[]) =>
      rawServer((socket) => {
        const next = () => socket.write(`${answers.shift() ?? "-ERR"}\r\n`);
        next();
        socket.on("data", next);
      });
    const without = await says(["+OK hello", "-ERR unknown command"]);
    const limiting = await says(["+OK hello", "+OK", "-ERR [LOGIN-DELAY] once a minute"]);
    const tried = (port: number, security: string) => tryNative(app, "pop3", { ...ADA, port, security });
    expect(await tried(without.port, "starttls")).toMatchObject({ code: "TLS_ERROR", remedy: /995/ });
    expect(await tried(limiting.port, "none")).toMatchObject({ code: "RATE_LIMITED" });
    await Promise.all([without.close(), limiting.close()]);
  });
});
