import { join } from "node:path";
import { Client } from "ldapts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApp } from "./support/app.ts";
import { LOCALHOST } from "./support/certificate.ts";
import { type Daemon, findBinary, ownedFile, startDaemon } from "./support/daemon.ts";
import { closedPort, openSockets, rawServer, startNativeApp, testUnreachable, tryNative } from "./support/native.ts";

const SERVER = findBinary("slapd");
const ROOT = "cn=root,dc=example,dc=com";
const ADA = "uid=ada,dc=example,dc=com";

const CONFIG = `
include /etc/ldap/schema/core.schema
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCertificateFile @/cert.pem
TLSCertificateKeyFile @/key.pem
disallow bind_anon
database mdb
maxsize 10485760
suffix "dc=example,dc=com"
rootdn "${ROOT}"
rootpw "root password"
directory @
access to dn.subtree="ou=closed,dc=example,dc=com" by dn.exact="${ADA}" disclose by * none
access to attrs=userPassword by anonymous auth by * none
access to * by users read
`;

interface Slapd extends Daemon {
  tls: number;
}

async function startSlapd(): Promise<Slapd> {
  const tls = await closedPort();
  const urls = (port: number) => `ldap://127.0.0.1:${port} ldaps://127.0.0.1:${tls}`;
  const flags = (port: number, directory: string) => ["-d", "0", "-h", urls(port), "-f", join(directory, "slapd.conf")];
  const server = await startDaemon(SERVER!, flags, {
    prepare(directory) {
      ownedFile(join(directory, "cert.pem"), LOCALHOST.cert);
      ownedFile(join(directory, "key.pem"), LOCALHOST.key);
      ownedFile(join(directory, "slapd.conf"), CONFIG.replaceAll("@", directory));
    },
  });
  const root = new Client({ url: `ldap://127.0.0.1:${server.port}` });
  await root.bind(ROOT, "root password");
  await root.add("dc=example,dc=com", { objectClass: ["dcObject", "organization"], dc: "example", o: "Example" });
  await root.add("ou=closed,dc=example,dc=com", { objectClass: ["organizationalUnit"], ou: "closed" });
  const ada = { objectClass: ["uidObject", "person"], uid: "ada", cn: "Ada", sn: "Lovelace", userPassword: "correct horse" };
  await root.add(ADA, ada);
  await root.unbind();
  return { ...server, tls };
}

let app: TestApp;
let server: Slapd;

// slapd is a package of Debian of that name.
describe.skipIf(!SERVER)("an LDAP server", () => {
  beforeAll(async () => {
    [app, server] = await Promise.all([startNativeApp(), startSlapd()]);
  }, 120_000);
  afterAll(async () => {
    await Promise.all([app?.close(), server?.stop()]);
  });

  const LOGIN = { bindDn: ADA, bindPassword: "correct horse", baseDn: "dc=example,dc=com" };
  const tried = (more: object = {}) => tryNative(app, "ldap", { url: `ldap://localhost:${server.port}`, ...LOGIN, ...more });

  testUnreachable(() => ({ app, slug: "ldap", fields: LOGIN, at: (host, port) => ({ url: `ldap://${host}:${port}` }) }));

  test("lets in with the right password, and keeps no connection", async () => {
    const before = openSockets();
    expect(await tried()).toMatchObject({ ok: true, code: "OK", remedy: null });
    await expect.poll(openSockets).toBeLessThanOrEqual(before);
  });

  test("takes the form of an Active Directory, too", async () => {
    const { bindDn, ...rest } = LOGIN;
    const fields = { url: `ldap://localhost:${server.port}`, domain: "example.com", bindUserPrincipalName: bindDn, ...rest };
    expect(await tryNative(app, "active-directory", fields)).toMatchObject({ ok: true });
    expect(await tryNative(app, "active-directory", { ...fields, bindPassword: "x" })).toMatchObject({
      code: "INVALID_CREDENTIALS",
    });
  });

  test.each([
    ["a wrong password", { bindPassword: "battery staple" }, "INVALID_CREDENTIALS"],
    ["a user that does not exist", { bindDn: "uid=eve,dc=example,dc=com" }, "INVALID_CREDENTIALS"],
    ["a name that is no distinguished name", { bindDn: "ada" }, "RESOURCE_NOT_FOUND"],
    ["a base entry that does not exist", { baseDn: "ou=elsewhere,dc=example,dc=com" }, "RESOURCE_NOT_FOUND"],
    ["a base entry of another server", { baseDn: "dc=example,dc=org" }, "RESOURCE_NOT_FOUND"],
    ["a base entry that is closed to the user", { baseDn: "ou=closed,dc=example,dc=com" }, "PERMISSION_DENIED"],
  ])("%s is told as such, with a remedy and without the password", async (_what, more, code) => {
    const outcome = await tried(more);
    expect(outcome).toMatchObject({ ok: false, code });
    expect(outcome.remedy).toBeTruthy();
    expect(JSON.stringify(outcome)).not.toMatch(/horse|staple/);
  });

  test.each([
    ["from the start", (host: string) => ({ url: `ldaps://${host}:${server.tls}` })],
    ["with StartTLS", (host: string) => ({ url: `ldap://${host}:${server.port}`, startTls: true })],
  ])("TLS %s is verified: with the CA certificate it works, without it or by another name not", async (_how, at) => {
    const trusted = { caCertificate: LOCALHOST.cert };
    expect(await tried({ ...at("localhost"), ...trusted })).toMatchObject({ ok: true });
    expect(await tried(at("localhost"))).toMatchObject({ code: "TLS_ERROR", remedy: /CA certificate/ });
    expect(await tried({ ...at("127.0.0.1"), ...trusted })).toMatchObject({ code: "TLS_ERROR", remedy: /host/ });
  });

  test("TLS asked of a port that has none is TLS_ERROR", async () => {
    expect(await tried({ url: `ldaps://localhost:${server.port}` })).toMatchObject({ ok: false, code: "TLS_ERROR" });
  });

  test("a server of another kind is PROVIDER_ERROR, and what it writes is not shown", async () => {
    const other = await rawServer((socket) => socket.end("HTTP/1.1 400 Bad Request\r\n\r\n<script>"));
    const outcome = await tried({ url: `ldap://localhost:${other.port}` });
    await other.close();
    expect(outcome).toMatchObject({ ok: false, code: "PROVIDER_ERROR" });
    expect(JSON.stringify(outcome)).not.toContain("script");
  });
});
