import { createHash, createHmac, generateKeyPairSync, verify } from "node:crypto";
import { Readable } from "node:stream";
import { jwtVerify } from "jose";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { SignedXml } from "xml-crypto";
import { loadCatalogue } from "../src/catalogue/index.ts";
import { type Acted, type ActingHost, type ArrivedCall, startActingHost } from "./support/acting-host.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { type AccessKey, claimedIn, whyRefused } from "./support/aws-server.ts";
import { refresh } from "./support/oauth.ts";
import { type ProxyCall, viaProxy } from "./support/proxy.ts";
import { isPlayedByItself, SIGNED_CALLS } from "./support/signed-entries.ts";
import { ask, made, readTyped } from "./support/typed.ts";
import { clockOf } from "./support/unattended.ts";

/**
 * Entries that a server made of their own data could not play: each meets one that is written from the provider's documentation or from the
 * standard, and verifies what it says.
 */

let app: TestApp;
let host: ActingHost;
let clock: ReturnType<typeof clockOf>;

beforeAll(async () => {
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" });
  host = await startActingHost(app);
  clock = clockOf(app);
});
beforeEach(() => void host.seen.splice(0));
afterAll(async () => {
  await app?.close();
  await host?.close();
});

const RSA = generateKeyPairSync("rsa", { modulusLength: 2048 });
const PEM = String(RSA.privateKey.export({ type: "pkcs8", format: "pem" }));
const UUID = "3fa85f64-5717-4562-b3fc-2c963f66afa6";

/** A way to the API of a connector, with what a person types there. */
async function connect(connectorSlug: string, fields: object, input: object = {}) {
  const config = await ask(app, app.adminKey, "createAuthConfig", { connectorSlug, name: connectorSlug, ...input });
  if (!config.authConfig) throw new Error(JSON.stringify(config));
  const target = { authConfigId: config.authConfig.id };
  const create = (test = false) => ask(app, app.adminKey, "createCredential", { target, projectOwned: true, fields, test });
  return { target, create };
}

const call = (id: string, path: string, options: Partial<ProxyCall> = {}) =>
  viaProxy(app, `/proxy${path}`, { key: app.adminKey, credential: id, ...options });

/** Its calls, each as `METHOD origin path`. */
const seen = () => host.seen.map(({ method, origin, path }) => `${method} ${origin}${path}`);
const isRecent = (at: number) => Math.abs(at - Date.now()) < 60_000;
const refused = (status = 401): Acted => ({ status, body: { message: "Not these." } });
const sha256 = (text: string | Buffer) => createHash("sha256").update(text);

const PLAYED = [
  ...["avanan", "aws-sigv4", "docuware", "sage-intacct", "salesforce-cdp", "salesmsg", "sap-success-factors", "sellercloud"],
  ...["sharepoint-online-v1", "tripletex", "veeva-vault-oauth", "workday-adaptive-planning"],
];

test("each entry that is played by itself is played here", () => {
  const all = loadCatalogue({ variables: {} }).all();
  const logins = all.filter(({ schemes }) => schemes[0]!.type === "TWO_STEP" && isPlayedByItself(schemes[0]!));
  expect(logins.map(({ slug }) => slug).toSorted()).toEqual(PLAYED);
  for (const slug of SIGNED_CALLS) expect(all.some((one) => one.slug === slug)).toBe(true);
});

describe("avanan", () => {
  const typed = { region: "smart-api-production-1-eu", appId: "app-1", secretKey: "s3cret & key" };
  const ids = new Set<string>();
  const isSigned = ({ headers }: ArrivedCall, target: string) => {
    const { "x-av-req-id": id = "", "x-av-date": date = "", "x-av-app-id": appId = "" } = headers;
    const isNew = id !== "" && !ids.has(id);
    ids.add(id);
    const text = Buffer.from(`${id}${appId}${date}${target}${typed.secretKey}`).toString("base64");
    return isNew && isRecent(Date.parse(`${date}Z`)) && headers["x-av-sig"] === sha256(text).digest("hex");
  };

  test("signs the login and every call, over its path and query, with another id each time", async () => {
    const live = new Set<string>();
    host.act = (one) => {
      if (one.path === "/v1.0/auth") {
        if (!isSigned(one, "")) return refused();
        live.clear();
        live.add(`token.${ids.size}`);
        return { body: `${[...live][0]}\n` };
      }
      return live.has(one.headers["x-av-token"]!) && isSigned(one, one.target) ? { body: { ok: true } } : refused();
    };
    const { create } = await connect("avanan", typed);
    const { id } = await made(create());
    expect((await call(id, "/v1.0/search/entity/1?a=b%20c&d=%C3%A9")).status).toBe(200);
    expect((await call(id, "/v1.0/search/query", { method: "POST", body: "{}" })).status).toBe(200);
    live.clear();
    expect((await call(id, "/v1.0/task/1")).status).toBe(200);
    expect(host.seen.every(({ origin }) => origin === "https://smart-api-production-1-eu.avanan.net")).toBe(true);
    expect(JSON.stringify(host.seen.map(({ headers, target }) => [headers, target]))).not.toContain(typed.secretKey);
    // What a signature needs a call for cannot be revealed.
    const { revealed } = await ask(app, app.adminKey, "revealCredential", { id });
    expect(revealed!.headers).not.toHaveProperty("x-av-sig");
    expect(revealed!.headers).toHaveProperty("x-av-token");
  });
});

describe("cisco-duo-admin", () => {
  const typed = { hostname: "api-1a2b3c4d.duosecurity.com", username: "DIKEY", password: "skey with spaces" };
  /** As Duo's documentation says it, from the parameters as they arrived. */
  const isSigned = ({ method, origin, path, query, headers, form }: ArrivedCall) => {
    const [ikey, signature] = Buffer.from(headers.authorization?.replace("Basic ", "") ?? "", "base64")
      .toString()
      .split(":");
    const escaped = (text: string) =>
      encodeURIComponent(text).replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`.toUpperCase());
    const parameters = [...query, ...Object.entries(form)]
      .map((pair) => pair.map(escaped))
      .toSorted(([a = ""], [b = ""]) => (a < b ? -1 : 1));
    const text = [headers.date, method, new URL(origin).host, path, parameters.map((pair) => pair.join("=")).join("&")].join(
      "\n",
    );
    const expected = createHmac("sha1", typed.password).update(text).digest("hex");
    const isDate = /^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]0000$/.test(headers.date ?? "");
    return ikey === typed.username && signature === expected && isDate && isRecent(Date.parse(headers.date!));
  };

  test("signs each call over date, method, host, path and parameters, those of a form too", async () => {
    host.act = (one) => (isSigned(one) ? { body: { stat: "OK" } } : refused());
    const { create } = await connect("cisco-duo-admin", typed);
    const { id } = await made(create());
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const calls: [string, Partial<ProxyCall>][] = [
      ["/admin/v1/users", {}],
      ["/admin/v1/users?username=a(b)*c%20d&limit=2&a-b=1&a=%C3%A4", {}],
      ["/admin/v1/users", { method: "POST", headers: form, body: "username=ada+l&realname=%26" }],
      // A header of the caller's own is not what was signed.
      ["/admin/v1/users", { headers: { Date: "yesterday" } }],
    ];
    for (const [path, options] of calls) expect(await call(id, path, options), path).toMatchObject({ status: 200 });
    const large = Readable.from([Buffer.alloc(700_000, "a"), Buffer.alloc(700_000, "a")]);
    const answer = await call(id, "/admin/v1/users", { method: "POST", headers: form, body: large });
    expect([answer.status, answer.headers["moorline-error"]]).toEqual([400, "INVALID_INPUT"]);
    // A form alone is signed with its body: what is no form may be of any size.
    const upload = Readable.from([Buffer.alloc(700_000, "a"), Buffer.alloc(700_000, "a")]);
    expect(
      (await call(id, "/admin/v1/logo", { method: "POST", headers: { "content-type": "image/png" }, body: upload })).status,
    ).toBe(200);
    expect(JSON.stringify(host.seen.map(({ headers }) => headers))).not.toContain(typed.password);
  });
});

describe("streamline-ai", () => {
  const pair = generateKeyPairSync("ed25519");
  const password = String(pair.privateKey.export({ type: "pkcs8", format: "pem" }));
  const typed = { customer: "acme", domain: "demo.streamline.ai", username: "key-1", password };
  /** RFC 9421 section 3.2, for the components that RFC 9530 and it name; null: well signed. */
  const whyUnsigned = ({ method, origin, target, headers, body }: ArrivedCall): string | null => {
    if (headers["content-digest"] !== `sha-256=:${sha256(body).digest("base64")}:`) return "digest";
    const [, input = "", covered = ""] = /^sig=((\([^)]*\))[^,]*)$/.exec(headers["signature-input"] ?? "") ?? [];
    const values: Record<string, string> = { "@method": method, "@target-uri": origin + target, ...headers };
    const lines = [...covered.matchAll(/"([^"]+)"/g)].map(([, name]) => `"${name}": ${values[name!]}`);
    for (const needed of ["@method", "@target-uri", "content-digest"]) if (!covered.includes(`"${needed}"`)) return needed;
    const { created, expires } = Object.fromEntries(
      [...input.matchAll(/;(\w+)=(\d+)/g)].map(([, name, at]) => [name, Number(at) * 1000]),
    );
    if (!isRecent(created!) || !(expires! > Date.now())) return "time";
    const signature = Buffer.from(/^sig=:([^:]+):$/.exec(headers.signature ?? "")?.[1] ?? "", "base64");
    const base = Buffer.from([...lines, `"@signature-params": ${input}`].join("\n"));
    return verify(null, base, pair.publicKey, signature) ? null : "signature";
  };

  test("signs each call by RFC 9421, with the digest of exactly the bytes that are sent", async () => {
    host.act = (one) => {
      const why = whyUnsigned(one);
      return why ? { status: 401, body: { why } } : {};
    };
    const { create } = await connect("streamline-ai", typed);
    const { id } = await made(create(true));
    expect((await call(id, "/v0/requests?a=b%2Fc&d")).status).toBe(200);
    const bytes = Buffer.from([0x22, 0xff, 0x00, 0xfe, 0x22]);
    expect((await call(id, "/v0/requests", { method: "POST", headers: { "content-type": "text/x" }, body: bytes })).status).toBe(
      200,
    );
    expect(host.seen.at(-1)!.body.equals(bytes)).toBe(true);
    expect(host.seen.every(({ origin }) => origin === "https://acme.demo.streamline.ai")).toBe(true);
    const large = Readable.from([Buffer.alloc(700_000, "a"), Buffer.alloc(700_000, "a")]);
    const answer = await call(id, "/v0/requests", { method: "POST", body: large });
    expect([answer.status, answer.headers["moorline-error"]]).toEqual([400, "INVALID_INPUT"]);
    expect(answer.body).toContain("1 MiB");
  });

  test("says that a key is none, and nothing of what it is", async () => {
    const wrong = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----";
    const { create } = await connect("streamline-ai", { ...typed, password: wrong }, { name: "wrong key" });
    const answer = await create(true);
    expect(answer).toMatchObject({ __typename: "TestFailedError", result: { message: expect.stringContaining("is not a key") } });
    const { id } = await made(create());
    const { status, body } = await call(id, "/v0/requests");
    expect(status).toBeLessThan(500);
    expect(body).toContain("is not a key");
    expect(JSON.stringify(answer) + body).not.toContain("c2VjcmV0");
    expect(host.seen).toEqual([]);
  });
});

describe("docuware", () => {
  const typed = { subdomain: "acme", username: "ada", password: "correct horse" };
  const play = (identity: string, endpoint = `${identity}/connect/token`) => {
    host.act = ({ origin, path, form, headers }) => {
      if (path.endsWith("/IdentityServiceInfo")) return { body: { IdentityServiceUrl: identity } };
      if (`${origin}${path}` === `${identity}/.well-known/openid-configuration`) return { body: { token_endpoint: endpoint } };
      if (`${origin}${path}` === endpoint) {
        const { username, password, scope, client_id } = form;
        const fits = username === "ada" && password === "correct horse" && scope === "docuware.platform" && client_id;
        return fits ? { body: { access_token: "dw-token", expires_in: 3_600 } } : refused(400);
      }
      return headers.authorization === "Bearer dw-token" ? {} : refused();
    };
  };

  test("asks where the identity service is, and logs in there", async () => {
    play(`https://login-emea.docuware.cloud/${UUID}`);
    const { create } = await connect("docuware", typed);
    const { id } = await made(create());
    expect((await call(id, "/Organizations")).status).toBe(200);
    expect(seen()).toEqual([
      "GET https://acme.docuware.cloud/DocuWare/Platform/Home/IdentityServiceInfo",
      `GET https://login-emea.docuware.cloud/${UUID}/.well-known/openid-configuration`,
      `POST https://login-emea.docuware.cloud/${UUID}/connect/token`,
      "GET https://acme.docuware.cloud/DocuWare/Platform/Organizations",
    ]);
  });

  test.each([
    ["identity service", "https://docuware.cloud.evil.example/x", undefined],
    ["identity service", "https://evil.example/login.docuware.cloud", undefined],
    ["identity service", "http://login.docuware.cloud/x", undefined],
    ["identity service", "https://a@login.docuware.cloud/x", undefined],
    ["token endpoint", `https://login-us.docuware.cloud/${UUID}`, "https://evil.example/connect/token"],
    ["token endpoint", `https://login-us.docuware.cloud/${UUID}`, "https://login.docuware.cloud.evil.example/x/connect/token"],
  ])("sends nothing to an %s elsewhere: %s", async (_, identity, endpoint) => {
    play(identity, endpoint);
    const { create } = await connect("docuware", typed, { name: `elsewhere ${identity} ${endpoint}` });
    expect(await create()).toMatchObject({ __typename: "ProviderError" });
    expect(host.seen.every(({ origin }) => /^https:\/\/[a-z-]+\.docuware\.cloud$/.test(origin))).toBe(true);
    expect(host.seen.map(({ body }) => body.toString()).join("")).not.toContain("horse");
  });
});

describe("sellercloud", () => {
  const typed = { teamName: "team & co", username: "ada", password: "correct horse" };
  const play = (endpoint: string) => {
    host.act = ({ origin, target, path, body, headers }) => {
      if (origin === "https://api.sellercloud.com")
        return target === "/api/server-by-team/?team=team%20%26%20co" ? { body: { RestApiEndpoint: endpoint } } : refused(404);
      if (path !== "/rest/api/token") return headers.authorization === "Bearer sc-token" ? {} : refused();
      const { Username, Password } = JSON.parse(body.toString());
      return Username === "ada" && Password === "correct horse"
        ? { body: { access_token: "sc-token", expires_in: 3_600 } }
        : refused();
    };
  };

  test.each(["https://acme.api.sellercloud.com/rest", "https://acme.api.sellercloud.us/rest/"])(
    "logs in at %s",
    async (endpoint) => {
      play(endpoint);
      const { create } = await connect("sellercloud", typed, { name: endpoint });
      const { id } = await made(create());
      expect((await call(id, "/api/Orders")).status).toBe(200);
      const { origin } = new URL(endpoint);
      expect(seen().slice(1)).toEqual([`POST ${origin}/rest/api/token`, `GET ${origin}/rest/api/Orders`]);
      // Another server later is another place: nothing goes there until the user has connected again.
      play("https://other.api.sellercloud.com/rest");
      await clock.pass(3_700);
      host.seen.splice(0);
      expect((await call(id, "/api/Orders")).status).toBe(409);
      expect(host.seen.filter(({ headers }) => headers.authorization)).toEqual([]);
    },
  );

  test.each([
    "https://evil.example/rest",
    "https://x.api.sellercloud.com.evil.example/rest",
    "https://x.api.sellercloud.de/rest",
  ])("sends nothing to %s", async (endpoint) => {
    play(endpoint);
    const { create } = await connect("sellercloud", typed, { name: endpoint });
    expect(await create()).toMatchObject({ __typename: "ProviderError" });
    expect(seen()).toEqual(["GET https://api.sellercloud.com/api/server-by-team/"]);
  });
});

/** A JWT of that issuer and subject, signed by the key that was typed, and good for some minutes at most. */
async function isAssertion(jwt: string | undefined, claims: Record<string, string>, header: object = {}): Promise<void> {
  const { payload, protectedHeader } = await jwtVerify(String(jwt), RSA.publicKey);
  expect(payload).toMatchObject(claims);
  expect(protectedHeader).toEqual({ typ: "JWT", alg: "RS256", ...header });
  expect(payload.exp! - payload.iat!).toBeLessThanOrEqual(300);
}

describe("a login with a signed JWT and a step after it", () => {
  test("salesforce-cdp: at the instance that the first answer names, below salesforce.com", async () => {
    const play = (instance: string) => {
      host.act = ({ path, form }) => {
        if (path === "/services/oauth2/token") return { body: { access_token: "core", instance_url: instance } };
        if (path !== "/services/a360/token") return {};
        const fits = form.subject_token === "core" && form.grant_type === "urn:salesforce:grant-type:external:cdp";
        return fits
          ? { body: { access_token: "cdp", instance_url: "tenant1.c360a.salesforce.com", expires_in: 7_200 } }
          : refused(400);
      };
    };
    const typed = { privateKey: PEM, clientId: "3MVG", username: "ada@example.com" };
    play("https://acme--dev.sandbox.my.salesforce.com");
    const { create } = await connect("salesforce-cdp", typed);
    const { id } = await made(create());
    expect((await call(id, "/api/v1/metadata")).status).toBe(200);
    expect(seen()).toEqual([
      "POST https://login.salesforce.com/services/oauth2/token",
      "POST https://acme--dev.sandbox.my.salesforce.com/services/a360/token",
      "GET https://tenant1.c360a.salesforce.com/api/v1/metadata",
    ]);
    expect(host.seen.at(-1)!.headers.authorization).toBe("Bearer cdp");
    await isAssertion(host.seen[0]!.form.assertion, { iss: "3MVG", sub: "ada@example.com", aud: "https://login.salesforce.com" });
    expect(host.seen[0]!.form.grant_type).toBe("urn:ietf:params:oauth:grant-type:jwt-bearer");
    play("https://salesforce.com.evil.example");
    host.seen.splice(0);
    expect(await create()).toMatchObject({ __typename: "ProviderError" });
    expect(seen()).toEqual(["POST https://login.salesforce.com/services/oauth2/token"]);
    expect(await ask(app, app.adminKey, "tryCredential", { credentialId: id, fields: { privateKey: "none" } })).toMatchObject({
      result: { code: "INVALID_CREDENTIALS", message: expect.stringContaining("private key") },
    });
  });

  test("workday-adaptive-planning: the second answer brings the token", async () => {
    const typed = { host: "wd2.example.com", tenant: "acme", clientId: "c1", isu: "isu-1", privateKey: PEM };
    host.act = ({ path, headers }) => {
      if (path === "/ccx/oauth2/acme/token") return { body: { access_token: "wd" } };
      if (path !== "/ccx/api/planning/v1/acme/adaptiveAPIAccessToken")
        return headers.authorization === "Bearer ap" ? {} : refused();
      return headers.authorization === "Bearer wd" ? { body: { adaptiveAPIAccessToken: "ap" } } : refused();
    };
    const { create } = await connect("workday-adaptive-planning", typed);
    const { id } = await made(create());
    expect((await call(id, "/v1/models")).status).toBe(200);
    expect(seen().at(-1)).toBe("GET https://api.adaptiveplanning.com/v1/models");
    await isAssertion(host.seen[0]!.form.assertion, { iss: "c1", sub: "isu-1", aud: "wd" });
  });

  test("sharepoint-online-v1: the JWT stands for the client's secret, and names the certificate", async () => {
    const thumbprint = sha256("certificate").digest("base64url");
    const typed = { tenantId: UUID, tenantName: "acme", clientId: UUID, privateKey: PEM, certificateThumbprint: thumbprint };
    const url = `https://login.microsoftonline.com/${UUID}/oauth2/token`;
    host.act = ({ origin, path, headers }) => {
      if (`${origin}${path}` === url) return { body: { access_token: "sp", expires_in: "3599" } };
      return headers.authorization === "Bearer sp" && headers.accept === "application/json;odata=verbose" ? {} : refused();
    };
    const { create } = await connect("sharepoint-online-v1", typed);
    const { id } = await made(create());
    expect((await call(id, "/_api/web")).status).toBe(200);
    const { client_assertion, ...form } = host.seen[0]!.form;
    expect(form).toEqual({
      client_id: UUID,
      grant_type: "client_credentials",
      resource: "https://acme.sharepoint.com",
      client_assertion_type: "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    });
    await isAssertion(client_assertion, { iss: UUID, sub: UUID, aud: url }, { "x5t#S256": thumbprint });
  });
});

describe("sap-success-factors", () => {
  const typed = {
    apiServer: "api4.example.com",
    companyId: "acme1",
    apiKey: "A".repeat(43),
    userName: `ada <"&'> \u00e9`,
    privateKey: PEM,
  };
  const publicKey = String(RSA.publicKey.export({ type: "spki", format: "pem" }));

  /** The assertion, by a verifier that shares no code with its maker; null: the signature does not hold. */
  function verified(xml: string): string | null {
    const signature = new SignedXml({ publicCert: publicKey });
    signature.loadSignature(/<ds:Signature[ >].*<\/ds:Signature>/s.exec(xml)![0]);
    try {
      if (!signature.checkSignature(xml)) return null;
    } catch {
      return null;
    }
    return signature.getSignedReferences()[0] ?? null;
  }

  test("exchanges a signed SAML 2.0 assertion (RFC 7522)", async () => {
    let xml = "";
    host.act = ({ path, form, headers }) => {
      if (path !== "/oauth/token") return headers.authorization === "Bearer sf" ? {} : refused();
      xml = Buffer.from(form.assertion ?? "", "base64").toString();
      const isWhole = form.grant_type === "urn:ietf:params:oauth:grant-type:saml2-bearer" && form.company_id === "acme1";
      return isWhole && form.client_id === typed.apiKey && verified(xml)
        ? { body: { access_token: "sf", expires_in: 86_400 } }
        : refused();
    };
    const { create } = await connect("sap-success-factors", typed);
    const { id } = await made(create());
    expect((await call(id, "/odata/v2/User")).status).toBe(200);
    // What is asserted is read from what the signature covers, and from nothing else.
    const signed = verified(xml)!;
    const inside = (name: string) => new RegExp(`<saml2:${name}(?: [^>]*)?>([^<]*)</saml2:${name}>`).exec(signed)?.[1];
    expect([inside("Issuer"), inside("Audience"), inside("NameID")]).toEqual([
      "www.successfactors.com",
      "www.successfactors.com",
      "ada &lt;\"&amp;'&gt; \u00e9",
    ]);
    expect(signed).toContain(`Recipient="https://api4.example.com/oauth/token"`);
    const attributes = Object.fromEntries(
      [...signed.matchAll(/<saml2:Attribute Name="(\w+)"><saml2:AttributeValue>([^<]*)</g)].map(([, name, value]) => [
        name,
        value,
      ]),
    );
    expect(attributes).toEqual({ api_key: typed.apiKey, use_username: "true", use_email: "false", external_user: "false" });
    const [, begins = "", ends = ""] = /<saml2:Conditions NotBefore="([^"]+)" NotOnOrAfter="([^"]+)">/.exec(signed) ?? [];
    expect(Date.parse(begins)).toBeLessThanOrEqual(Date.now());
    expect(Date.parse(ends) - Date.now()).toBeGreaterThan(500_000);
    expect(Date.parse(ends) - Date.now()).toBeLessThanOrEqual(600_000);
    expect(verified(xml.replace("acme1", "acme1").replace("use_email", "use_e-mail"))).toBeNull();
    expect(verified(xml.replace(/Recipient="[^"]+"/, 'Recipient="https://evil.example/"'))).toBeNull();
  });

  test("says so where the key is none for it", async () => {
    const privateKey = String(generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" }));
    const { create } = await connect("sap-success-factors", { ...typed, privateKey }, { name: "other key" });
    expect(await create()).toMatchObject({ __typename: "ProviderError", message: expect.stringContaining("not an RSA key") });
    expect(host.seen).toEqual([]);
  });
});

describe("sage-intacct", () => {
  const typed = { senderId: "s<1>", senderPassword: `p&"'`, companyId: "acme", userId: "ada", userPassword: "correct horse" };
  const ENDPOINT = "https://www-p02.intacct.com/ia/xml/xmlgw.phtml";
  const control = "<control><status>success</status><controlid>1</controlid></control>";
  const session = (id: string, timeout: string) => `<?xml version="1.0" encoding="UTF-8"?>
    <response>${control}<operation><authentication><status>success</status><sessiontimeout>${timeout}</sessiontimeout></authentication>
    <result><status>success</status><data><api><sessionid>${id}</sessionid><endpoint>${ENDPOINT}</endpoint></api></data></result></operation></response>`;
  const xml = (body: string): Acted => ({ headers: { "content-type": "text/xml; charset=utf-8" }, body });

  test("opens a session by an XML document, and puts calls into one that names it, at the session's own endpoint", async () => {
    host.act = () => xml(session("sess&amp;1..", new Date(Date.now() + 7_200_000).toISOString()));
    const { create } = await connect("sage-intacct", typed);
    const { id, accessTokenExpiresAt, account } = await made(create());
    expect(account).toMatchObject({ id: "ada" });
    expect(Date.parse(accessTokenExpiresAt!) - Date.now()).toBeGreaterThan(7_000_000);
    const [sent] = host.seen;
    expect(sent).toMatchObject({ method: "POST", origin: "https://api.intacct.com", path: "/ia/xml/xmlgw.phtml" });
    expect(sent!.headers["content-type"]).toBe("application/xml");
    const text = sent!.body
      .toString()
      .replace(/<controlid>\d+</, "<controlid>N<")
      .replace(/"[0-9a-f]{32}"/, '"R"');
    expect(text).toBe(
      `<?xml version="1.0" encoding="UTF-8"?><request><control><senderid>s&lt;1&gt;</senderid><password>p&amp;"'</password>` +
        `<controlid>N</controlid><uniqueid>false</uniqueid><dtdversion>3.0</dtdversion><includewhitespace>false</includewhitespace></control>` +
        `<operation><authentication><login><userid>ada</userid><companyid>acme</companyid><password>correct horse</password></login>` +
        `</authentication><content><function controlid="R"><getAPISession></getAPISession></function></content></operation></request>`,
    );
    const { revealed } = await ask(app, app.adminKey, "revealCredential", { id });
    expect(revealed!.accessToken).toBe("sess&1..");
    host.act = ({ origin }) => (origin === "https://www-p02.intacct.com" ? xml("<response/>") : refused());
    const headers = { "content-type": "text/xml" };
    const functions = '<function controlid="1"><read><object>GL & \u00e9</object></read></function>'.replace("&", "&amp;");
    const expected =
      `<request><control><senderid>s&lt;1&gt;</senderid><password>p&amp;"'</password><controlid>N</controlid>` +
      `<uniqueid>false</uniqueid><dtdversion>3.0</dtdversion><includewhitespace>false</includewhitespace></control>` +
      `<operation><authentication><sessionid>sess&amp;1..</sessionid></authentication>` +
      `<content>${functions}</content></operation></request>`;
    const bodies = [functions, Readable.from([Buffer.from(functions)])];
    for (const body of bodies) {
      expect((await call(id, "/xmlgw.phtml", { method: "POST", headers, body })).status).toBe(200);
      const { target, headers: sentHeaders, body: arrived } = host.seen.at(-1)!;
      expect(target).toBe("/ia/xml/xmlgw.phtml");
      expect(sentHeaders["content-type"]).toBe("application/xml");
      expect(sentHeaders).not.toHaveProperty("authorization");
      expect(arrived.toString().replace(/<controlid>\d+</, "<controlid>N<")).toBe(expected);
    }
    expect((await call(id, "/elsewhere/../xmlgw.phtml", { method: "POST", headers, body: functions })).status).toBe(400);
  });

  test("goes to no endpoint outside the provider's domain", async () => {
    const elsewhere = session("s", "2030-01-01T00:00:00Z").replace(
      ENDPOINT,
      "https://intacct.com.evil.example/ia/xml/xmlgw.phtml",
    );
    host.act = () => xml(elsewhere);
    const { create } = await connect("sage-intacct", typed, { name: "elsewhere" });
    expect(await create()).toMatchObject({ __typename: "ProviderError" });
  });

  test.each([
    ["one error", "<error><errorno>XL03000006</errorno><description2>Sign-in information is incorrect</description2></error>"],
    [
      "several",
      "<error><errorno>1</errorno><description2>Wrong: correct horse</description2></error><error><errorno>2</errorno></error>",
    ],
  ])("takes an error in a 200 answer for a refusal: %s", async (_, error) => {
    host.act = () => xml(`<response>${control}<operation><errormessage>${error}</errormessage></operation></response>`);
    const { target } = await connect("sage-intacct", typed, { name: error });
    const answer = await ask(app, app.adminKey, "tryCredential", { target, fields: typed });
    expect(answer.result).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    expect(JSON.stringify(answer)).not.toContain("horse");
  });

  test.each([
    [
      "a document type",
      `<!DOCTYPE response [<!ENTITY e "sess">]>${session("&e;", "2030-01-01T00:00:00Z").replace(/<\?xml[^>]*>/, "")}`,
    ],
    ["no XML", "<response><unclosed>"],
    ["no session", `<response>${control}</response>`],
  ])("does not take %s for an answer", async (name, body) => {
    host.act = () => xml(body);
    const { create } = await connect("sage-intacct", typed, { name });
    expect(await create()).toMatchObject({ __typename: "ProviderError", message: expect.stringContaining("connector's data") });
  });
});

describe("salesmsg", () => {
  test("renews by the token itself, and by the typed one where that is refused", async () => {
    const state = { live: "typed-1", issued: 0, forgets: false };
    host.act = ({ path, headers, body }) => {
      const given = headers.authorization?.replace("Bearer ", "") ?? "";
      if (path !== "/pub/v2.2/oauth/personal-token/refresh") return given === state.live ? {} : refused();
      if (body.length > 0 || (given !== "typed-1" && (given !== state.live || state.forgets))) return refused();
      state.issued += 1;
      state.live = `pat-${state.issued}`;
      return { body: { access_token: state.live, expires_in: 3_600 } };
    };
    const { create } = await connect("salesmsg", { apiKey: "typed-1" });
    const { id } = await made(create());
    expect((await call(id, "/v2.2/contacts")).status).toBe(200);
    await refresh(app, app.adminKey, id);
    expect(host.seen.at(-1)!.headers.authorization).toBe("Bearer pat-1");
    state.forgets = true;
    await refresh(app, app.adminKey, id);
    expect(host.seen.slice(-2).map(({ headers }) => headers.authorization)).toEqual(["Bearer pat-2", "Bearer typed-1"]);
    expect((await call(id, "/v2.2/contacts")).status).toBe(200);
  });
});

describe("tripletex", () => {
  test("names the day on which its session ends, a week from now", async () => {
    const typed = { environment: "api-test.tripletex.tech", consumerToken: "c", employeeToken: "e" };
    host.act = ({ origin, path, body, headers }) => {
      if (origin !== "https://api-test.tripletex.tech") return refused();
      if (path !== "/v2/token/session/:create") return headers.authorization === `Basic ${btoa("0:tt")}` ? {} : refused();
      const { expirationDate, ...rest } = JSON.parse(body.toString());
      const days = (Date.parse(expirationDate) - Date.now()) / 86_400_000;
      const fits = /^\d{4}-\d\d-\d\d$/.test(expirationDate) && days > 5.9 && days <= 7;
      return fits && rest.consumerToken === "c" && rest.employeeToken === "e"
        ? { body: { value: { token: "tt" } } }
        : refused(422);
    };
    const { create } = await connect("tripletex", typed);
    const { id, accessTokenExpiresAt } = await made(create());
    expect((Date.parse(accessTokenExpiresAt!) - Date.now()) / 86_400_000).toBeCloseTo(5, 0);
    expect((await call(id, "/v2/company")).status).toBe(200);
  });
});

describe("veeva-vault-oauth", () => {
  const typed = {
    ...{ tokenUrl: "https://idp.example.org/oauth2/token", oauthProfileId: "_9ab", subdomain: "acme" },
    ...{ clientId: "ada", clientSecret: "c&s" },
  };

  test("gets a token of the organisation's own provider, and with it a session", async () => {
    host.act = ({ origin, path, form, headers }) => {
      if (origin === "https://idp.example.org") {
        const fits = headers.authorization === `Basic ${btoa("ada:c&s")}` && form.grant_type === "client_credentials";
        // An empty scope is refused by many.
        return fits && !("scope" in form) ? { body: { access_token: "idp" } } : refused();
      }
      if (origin === "https://acme.veevavault.com") return headers.authorization === "session-1" ? {} : refused();
      if (`${origin}${path}` !== "https://login.veevavault.com/auth/oauth/session/_9ab") return refused(404);
      const fits = headers.authorization === "Bearer idp" && form.vaultDNS === "acme.veevavault.com" && form.client_id === "ada";
      return { body: fits ? { responseStatus: "SUCCESS", sessionId: "session-1" } : { errors: [{ message: "No." }] } };
    };
    const { create, target } = await connect("veeva-vault-oauth", typed);
    const { id } = await made(create());
    expect((await call(id, "/v24.1/objects")).status).toBe(200);
    // No secret of the project's goes to an address that a user names.
    const preset = { connectorSlug: "veeva-vault-oauth", name: "preset", presetCredentialFields: { clientSecret: "s" } };
    expect(await ask(app, app.adminKey, "createAuthConfig", preset)).toMatchObject({ __typename: "InvalidInputError" });
    const moved = await ask(app, app.adminKey, "updateCredential", { id, fields: { tokenUrl: "https://evil.example/token" } });
    expect(moved.issues?.map(({ path }) => path.at(-1))).toEqual(["clientSecret"]);
    const tried = await ask(app, app.adminKey, "tryCredential", { target, fields: { ...typed, clientId: "eve" } });
    expect(tried.result).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
  });
});

describe("aws-sigv4", () => {
  const OWN = { accessKeyId: "AKIAIOSFODNN7EXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG" };
  const roleArn = "arn:aws:iam::123456789012:role/moorline";
  const keys = new Map<string, AccessKey>();
  let externalId: string | undefined;
  let issued = 0;

  function assumeRole({ form }: ArrivedCall, by: string): Acted {
    const fits =
      by === OWN.accessKeyId && form.Action === "AssumeRole" && form.RoleArn === roleArn && form.ExternalId === externalId;
    if (!fits || !form.RoleSessionName) return { status: 403, body: { Error: { Code: "AccessDenied", Message: "No." } } };
    issued += 1;
    const [AccessKeyId, SecretAccessKey, SessionToken] = [
      `ASIAEXAMPLE00000000${issued}`,
      `secret-${issued}`,
      `session//${issued}==`,
    ];
    keys.set(AccessKeyId, { secretAccessKey: SecretAccessKey, sessionToken: SessionToken, arn: roleArn });
    const Credentials = { AccessKeyId, SecretAccessKey, SessionToken, Expiration: Date.now() / 1000 + 3_600 };
    return { body: { AssumeRoleResponse: { AssumeRoleResult: { Credentials } } } };
  }

  function act(one: ArrivedCall): Acted {
    const why = whyRefused(one, keys);
    if (why) return { status: 403, body: { Error: { Code: why } } };
    const { accessKeyId, service, region } = claimedIn(one.headers.authorization!)!;
    if (one.origin === "https://sts.eu-west-1.amazonaws.com") {
      if (`${service}/${region}` !== "sts/eu-west-1") return refused(403);
      return one.method === "POST" ? assumeRole(one, accessKeyId) : {};
    }
    return `${service}/${region}` === "dynamodb/eu-west-1" && accessKeyId !== OWN.accessKeyId ? {} : refused(403);
  }

  async function product(name: string) {
    const presets = { presetCredentialFields: OWN, parameters: { service: "dynamodb", region: "eu-west-1" } };
    return connect("aws-sigv4", { roleArn, ...(externalId && { externalId }) }, { name, ...presets });
  }

  beforeAll(() => keys.set(OWN.accessKeyId, { secretAccessKey: OWN.secretAccessKey, arn: "arn:aws:iam::1:user/product" }));

  test.each([undefined, "customer-7"])(
    "assumes the role with the product's keys, and signs calls with those that it is given (%s)",
    async (id) => {
      externalId = id;
      host.act = act;
      const { create } = await product(`role ${id}`);
      const credential = await made(create(true));
      expect(credential).toMatchObject({ status: "ACTIVE", canRefresh: true, account: { id: roleArn } });
      const headers = { "x-amz-target": "DynamoDB_20120810.ListTables", "content-type": "application/x-amz-json-1.0" };
      const list = () => call(credential.id, "/?a=b", { method: "POST", headers, body: "{}" });
      expect((await list()).status).toBe(200);
      const { revealed } = await ask(app, app.adminKey, "revealCredential", { id: credential.id });
      expect(JSON.parse(revealed!.accessToken!)).toEqual({
        accessKeyId: `ASIAEXAMPLE00000000${issued}`,
        secretAccessKey: `secret-${issued}`,
        sessionToken: `session//${issued}==`,
      });
      const before = issued;
      await clock.pass(3_700);
      expect((await list()).status).toBe(200);
      expect(issued).toBe(before + 1);
      expect(JSON.stringify(host.seen.map(({ headers: all, form }) => [all, form]))).not.toContain(OWN.secretAccessKey);
    },
  );

  test("that the role does not trust makes nothing, and ends one that did", async () => {
    externalId = "customer-8";
    host.act = act;
    const { create, target } = await product("untrusted");
    const { id } = await made(create());
    externalId = "another";
    const tried = await ask(app, app.adminKey, "tryCredential", { target, fields: { roleArn, externalId: "customer-8" } });
    expect(tried.result).toMatchObject({ ok: false, code: "INVALID_CREDENTIALS" });
    await refresh(app, app.adminKey, id);
    expect((await readTyped(app, app.adminKey, id))!.status).toBe("INVALID");
  });
});

test("crisp-plugin-install reaches the one website that its config names, and no other", async () => {
  host.act = ({ headers }) =>
    headers.authorization === `Basic ${btoa(`${UUID}:k`)}` && headers["x-crisp-tier"] === "plugin" ? {} : refused();
  const presets = { presetCredentialFields: { username: UUID, password: "k" }, parameters: { websiteId: UUID } };
  const { create } = await connect("crisp-plugin-install", {}, { name: "plugin", ...presets });
  const { id } = await made(create(true));
  expect((await call(id, "/conversations/1")).status).toBe(200);
  expect((await call(id, "/../other/conversations/1")).status).toBe(400);
  expect(seen()).toEqual([
    "GET https://api.crisp.chat/v1/plugin/connect/account",
    `GET https://api.crisp.chat/v1/website/${UUID}/conversations/1`,
  ]);
});
