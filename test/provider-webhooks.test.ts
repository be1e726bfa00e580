import { Webhook } from "standardwebhooks";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { WebhookDefinition } from "../src/catalogue/types.ts";
import { moveClock, startTestApp, type TestApp } from "./support/app.ts";
import { mutate } from "./support/entities.ts";
import { run } from "./support/graphql.ts";
import { createProject } from "./support/oauth.ts";
import {
  base64,
  CONFIG,
  createWebhookConfig,
  heard as heardBy,
  hex,
  post,
  SECRET,
  seconds,
} from "./support/provider-webhooks.ts";
import { createSession, createUser } from "./support/seed.ts";
import { createWebhook, type Receiver, startReceiver, verify } from "./support/webhooks.ts";

/** A provider posts to an auth config's `webhookUrl`; the product hears of it by its own webhooks. */

const STANDARD_SECRET = `whsec_${Buffer.alloc(24, 5).toString("base64")}`;

/** Forms that no connector of the catalogue's first thirteen has. */
const FORMS: Record<string, WebhookDefinition> = {
  "form-list": {
    signature: {
      type: "HMAC",
      header: "form-signature",
      algorithm: "SHA256",
      encoding: "HEX",
      key: "v1",
      content: "{timestamp}.{body}",
      timestamp: { key: "t" },
    },
    event: { path: "type" },
    id: { path: "id" },
    account: { path: "account" },
  },
  "form-url": {
    signature: {
      type: "HMAC",
      header: "form-signature",
      algorithm: "SHA512",
      encoding: "BASE64",
      content: "{method}{url}{body}",
    },
  },
  "form-token": { signature: { type: "TOKEN", header: "form-token" } },
  "form-standard": { signature: { type: "STANDARD_WEBHOOKS", headerPrefix: "svix" }, id: { header: "svix-id" } },
};

let app: TestApp;
let receiver: Receiver;
let key: string;
let webhookSecret: string;
beforeAll(async () => {
  receiver = await startReceiver();
  const plain = await startTestApp();
  const { catalogue } = plain.services;
  await plain.close();
  const [basis] = catalogue.all().filter(({ slug }) => slug === "github");
  const connectors = [
    ...catalogue.all().filter(({ slug }) => ["github", "slack", "shopify", "linear", "notion"].includes(slug)),
    ...Object.entries(FORMS).map(([slug, webhooks]) => ({ ...structuredClone(basis!), slug, name: slug, webhooks })),
  ];
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" }, { app: { connectors } });
  ({ key } = await createProject(app, app.adminKey));
  ({ secret: webhookSecret } = await createWebhook(app, key, {
    url: receiver.url,
    events: ["provider_webhook.received"],
  }));
});
afterAll(async () => {
  await app?.close();
  await receiver?.close();
});
beforeEach(() => receiver.reset());

function createConfig(slug: string, more: object = { webhookSecret: SECRET }) {
  return createWebhookConfig(app, key, slug, { clientId: "client", clientSecret: "app-secret", ...more });
}

const heard = (count = 1) => heardBy(receiver, count);

describe("GitHub's form", () => {
  // The example of GitHub's documentation.
  const body = "Hello, World!";
  const signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
  const headers = { "x-hub-signature-256": signature, "x-github-event": "issues", "x-github-delivery": "delivery-1" };

  test("is taken, and passed on signed with the project's own secret", async () => {
    const config = await createConfig("github");
    expect(config).toMatchObject({ webhookUrl: `${app.url}/webhooks/${config.id}`, hasWebhookSecret: true });
    const answer = await post(config.webhookUrl, body, { ...headers, "content-type": "text/plain" });
    expect([answer.status, await answer.json()]).toEqual([200, { received: true }]);
    const [event] = await heard();
    expect(event).toMatchObject({
      type: "provider_webhook.received",
      data: {
        authConfigId: config.id,
        connector: "github",
        event: "issues",
        providerEventId: "delivery-1",
        body,
        encoding: "text",
      },
    });
    verify(webhookSecret, receiver.posted[0]!);
  });

  test("is passed on once, however often it is repeated, and once for each config", async () => {
    const [one, other] = [await createConfig("github"), await createConfig("github")];
    for (let time = 0; time < 3; time += 1) expect((await post(one.webhookUrl, body, headers)).status).toBe(200);
    expect((await post(other.webhookUrl, body, headers)).status).toBe(200);
    const events = await heard(2);
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(receiver.posted.map(({ id }) => id)).toHaveLength(2);
    expect(events.map(({ data }) => data.authConfigId).sort()).toEqual([one.id, other.id].sort());
  });

  test.each([
    ["without a signature", {}, "header is missing"],
    ["with another secret's", { "x-hub-signature-256": `sha256=${hex(body, "another")}` }, "not one of the secret"],
    ["with another body's", { "x-hub-signature-256": `sha256=${hex("Hello, Moon!")}` }, "not one of the secret"],
    ["without its prefix", { "x-hub-signature-256": hex(body) }, "not one of the secret"],
    ["cut short", { "x-hub-signature-256": signature.slice(0, -2) }, "not one of the secret"],
    ["that is no hex at all", { "x-hub-signature-256": "sha256=zzzz" }, "not one of the secret"],
    ["that is empty", { "x-hub-signature-256": "sha256=" }, "not one of the secret"],
  ])("is refused %s", async (_how, wrong, message) => {
    const config = await createConfig("github");
    const answer = await post(config.webhookUrl, body, wrong as Record<string, string>);
    const text = await answer.text();
    expect([answer.status, text]).toEqual([401, expect.stringContaining(message)]);
    expect(text).not.toContain(hex(body));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(receiver.posted).toHaveLength(0);
  });
});

describe("Slack's form", () => {
  test("is known by the example of Slack's documentation, which is too old", async () => {
    const config = await createConfig("slack", { webhookSecret: "8f742231b10e8888abcd99yyyzzz85a5" });
    const body =
      "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const headers = {
      "x-slack-request-timestamp": "1531420618",
      "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
    };
    const answer = await post(config.webhookUrl, body, headers);
    expect([answer.status, await answer.text()]).toEqual([401, expect.stringContaining("five minutes")]);
    const wrong = await post(config.webhookUrl, `${body}x`, headers);
    expect([wrong.status, await wrong.text()]).toEqual([401, expect.stringContaining("not one of the secret")]);
  });

  function signed(body: string, at = seconds()) {
    return { "x-slack-request-timestamp": at, "x-slack-signature": `v0=${hex(`v0:${at}:${body}`)}` };
  }

  test("has its question answered, signed alone, and nobody hears of it", async () => {
    const config = await createConfig("slack");
    const body = JSON.stringify({ type: "url_verification", challenge: "3eZbrw1aBm2rZgRNFdxV" });
    const answer = await post(config.webhookUrl, body, signed(body));
    expect([answer.status, answer.headers.get("content-type"), await answer.text()]).toEqual([
      200,
      "text/plain; charset=utf-8",
      "3eZbrw1aBm2rZgRNFdxV",
    ]);
    expect((await post(config.webhookUrl, body, {})).status).toBe(401);
    expect(receiver.posted).toHaveLength(0);
  });

  test("tells which credentials it is about", async () => {
    const config = await createConfig("slack");
    const { prisma } = app.services.database;
    const user = await createUser(app, key);
    const input = { target: { authConfigId: config.id }, user: { id: user.id }, fields: { accessToken: "xoxb-1" } };
    const { credential } = await mutate(app, key, "importCredential", input, "credential { id }");
    // Whose account it is the provider would tell on connecting.
    await prisma.credential.updateMany({ where: { authConfig: { connectorSlug: "slack" } }, data: { accountId: "T1" } });
    const body = JSON.stringify({ type: "event_callback", team_id: "T1", event_id: "Ev1", event: { type: "message" } });
    expect((await post(config.webhookUrl, body, signed(body))).status).toBe(200);
    const [event] = await heard();
    expect(event!.data).toMatchObject({
      event: "message",
      accountId: "T1",
      credentialIds: [credential.id],
      body: JSON.parse(body),
      encoding: "json",
    });
  });

  test("is held to the database's clock", async () => {
    const config = await createConfig("slack");
    const body = "{}";
    await moveClock(app, 3_600_000);
    try {
      expect((await post(config.webhookUrl, body, signed(body))).status).toBe(401);
      expect((await post(config.webhookUrl, body, signed(body, seconds(3_600)))).status).toBe(200);
    } finally {
      await moveClock(app, 0);
    }
  });
});

describe("the other forms", () => {
  test("Shopify's is signed with the client secret, and takes no other", async () => {
    const config = await createConfig("shopify", {});
    const body = '{"id":1}';
    const headers = { "x-shopify-hmac-sha256": base64(body, "app-secret"), "x-shopify-topic": "orders/create" };
    expect((await post(config.webhookUrl, body, headers)).status).toBe(200);
    const [event] = await heard();
    expect(event!.data).toMatchObject({ event: "orders/create", body: { id: 1 } });
    const input = { connectorSlug: "shopify", name: "Two", clientId: "c", clientSecret: "s", webhookSecret: "other" };
    const refused = await mutate(app, key, "createAuthConfig", input, CONFIG);
    expect(refused).toMatchObject({
      __typename: "InvalidInputError",
      issues: [{ path: ["webhookSecret"], code: "NOT_ALLOWED" }],
    });
  });

  test("a list of signatures is taken where one of them fits, in its time", async () => {
    const config = await createConfig("form-list");
    const body = '{"type":"charge.succeeded","id":"evt_1","account":"acct_1"}';
    const header = (at: string, ...signatures: string[]) => ({
      "form-signature": [`t=${at}`, ...signatures.map((one) => `v1=${one}`), "v0=1234"].join(","),
    });
    const at = seconds();
    const right = hex(`${at}.${body}`);
    expect((await post(config.webhookUrl, body, header(at, hex("x"), right))).status).toBe(200);
    expect((await heard())[0]!.data).toMatchObject({ event: "charge.succeeded", providerEventId: "evt_1", credentialIds: [] });
    const old = seconds(-301);
    expect((await post(config.webhookUrl, body, header(old, hex(`${old}.${body}`)))).status).toBe(401);
    // The time is signed with it.
    expect((await post(config.webhookUrl, body, header(seconds(1), right))).status).toBe(401);
    expect((await post(config.webhookUrl, body, header(at))).status).toBe(401);
  });

  test("the address belongs to what is signed, with its query", async () => {
    const config = await createConfig("form-url");
    const sign = (url: string) => ({ "form-signature": base64(`POST${url}{}`, SECRET, "sha512") });
    const url = `${config.webhookUrl}?from=them`;
    expect((await post(url, "{}", sign(url))).status).toBe(200);
    expect((await post(url, "{}", sign(config.webhookUrl!))).status).toBe(401);
  });

  test("a token is compared", async () => {
    const config = await createConfig("form-token");
    expect((await post(config.webhookUrl, "{}", { "form-token": SECRET })).status).toBe(200);
    expect((await post(config.webhookUrl, "{}", { "form-token": `${SECRET}!` })).status).toBe(401);
  });

  test("Standard Webhooks are checked by its library", async () => {
    const config = await createConfig("form-standard", { webhookSecret: STANDARD_SECRET });
    const at = new Date();
    const signature = new Webhook(STANDARD_SECRET).sign("msg_1", at, "{}");
    const headers = {
      "svix-id": "msg_1",
      "svix-timestamp": String(Math.floor(at.getTime() / 1000)),
      "svix-signature": signature,
    };
    expect((await post(config.webhookUrl, "{}", headers)).status).toBe(200);
    expect((await heard())[0]!.data.providerEventId).toBe("msg_1");
    expect((await post(config.webhookUrl, "{} ", headers)).status).toBe(401);
    const old = { ...headers, "svix-timestamp": seconds(-400) };
    expect(await (await post(config.webhookUrl, "{}", old)).text()).toContain("five minutes");
    const input = { connectorSlug: "form-standard", name: "x", clientId: "c", clientSecret: "s", webhookSecret: "not base64!" };
    expect(await mutate(app, key, "createAuthConfig", input, CONFIG)).toMatchObject({ issues: [{ code: "PATTERN" }] });
  });

  test("bytes that are no text come through as they are", async () => {
    const config = await createConfig("form-token");
    for (const body of [Buffer.from([0xff, 0x00, 0x31]), Buffer.from("a\0b"), Buffer.from('{"a":"\\u0000"}'), Buffer.from("")]) {
      receiver.reset();
      expect((await post(config.webhookUrl, body, { "form-token": SECRET })).status).toBe(200);
      const { data } = (await heard())[0]!;
      expect(Buffer.from(data.body as string, data.encoding === "base64" ? "base64" : "utf8")).toEqual(body);
    }
  });
});

describe("the secret", () => {
  const body = "{}";
  const send = async (url: string | null, secret: string) =>
    (await post(url, body, { "x-hub-signature-256": `sha256=${hex(body, secret)}` })).status;

  test("is changed, kept through other changes, and taken away", async () => {
    const config = await createConfig("github");
    const update = async (input: object) => {
      const answer = await mutate(app, key, "updateAuthConfig", { id: config.id, ...input }, CONFIG);
      expect(answer, JSON.stringify(answer)).toMatchObject({ __typename: "UpdateAuthConfigPayload" });
      return answer.authConfig;
    };
    await update({ name: `Renamed ${config.id}`, clientSecret: "another" });
    expect(await send(config.webhookUrl, SECRET)).toBe(200);
    expect(await update({ webhookSecret: "new one" })).toMatchObject({ hasWebhookSecret: true });
    expect([await send(config.webhookUrl, SECRET), await send(config.webhookUrl, "new one")]).toEqual([401, 200]);
    expect(await update({ webhookSecret: null })).toMatchObject({ hasWebhookSecret: false });
    const answer = await post(config.webhookUrl, body, { "x-hub-signature-256": `sha256=${hex(body, "new one")}` });
    expect([answer.status, await answer.text()]).toEqual([401, expect.stringContaining("set its webhookSecret")]);
  });

  test("has no place where nobody knows how the provider signs", async () => {
    const input = { connectorSlug: "notion", name: "N", clientId: "c", clientSecret: "s", webhookSecret: "x" };
    expect(await mutate(app, key, "createAuthConfig", input, CONFIG)).toMatchObject({
      issues: [{ path: ["webhookSecret"], code: "NOT_ALLOWED" }],
    });
    expect(await createConfig("notion", {})).toMatchObject({ webhookUrl: null, hasWebhookSecret: false });
  });

  test("is nobody's to see, and a session does not even see that it is there", async () => {
    const config = await createConfig("github");
    const user = await createUser(app, key);
    const session = await createSession(app, key, user.id);
    const query = `query($id: ID!) { authConfig(id: $id) { webhookUrl hasWebhookSecret } }`;
    expect(await run(app, session, query, { id: config.id })).toEqual({
      authConfig: { webhookUrl: null, hasWebhookSecret: null },
    });
    const rows = await app.services.database.query<{ row: string }>("x", `SELECT a::text AS "row" FROM "AuthConfig" a`, []);
    expect(JSON.stringify(rows)).not.toContain(SECRET);
  });
});

describe("an address where nothing listens", () => {
  test("is 404: unknown, switched off, deleted, of a connector that signs nothing", async () => {
    const [off, gone] = [await createConfig("github"), await createConfig("github")];
    await mutate(app, key, "setAuthConfigEnabled", { id: off.id, enabled: false });
    await mutate(app, key, "deleteAuthConfig", { id: gone.id, confirm: true });
    const silent = await createConfig("notion", {});
    const urls = [off.webhookUrl, gone.webhookUrl, `${app.url}/webhooks/${silent.id}`, `${app.url}/webhooks/ac_x`];
    for (const url of urls) expect([url, (await post(url, "{}", {})).status]).toEqual([url, 404]);
    expect((await fetch(off.webhookUrl!)).status).toBe(405);
  });

  test("takes no more than 256 KiB", async () => {
    const config = await createConfig("form-token");
    const answer = await post(config.webhookUrl, Buffer.alloc(256 * 1024 + 1, 32), { "form-token": SECRET });
    expect(answer.status).toBe(413);
  });
});
