import { SignJWT } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { decodeId } from "../src/lib/ids.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { mutate } from "./support/entities.ts";
import { run } from "./support/graphql.ts";
import { createProject } from "./support/oauth.ts";
import {
  base64,
  CONFIG,
  createWebhookConfig,
  type Heard,
  hex,
  post,
  SECRET,
  seconds,
  type WebhookConfig,
} from "./support/provider-webhooks.ts";
import { createSession, createUser } from "./support/seed.ts";
import { createWebhook, type Receiver, startReceiver } from "./support/webhooks.ts";

/** Providers that ask something before they let an address be their webhooks', each as the catalogue has it. */

const TEXT = "text/plain; charset=utf-8";
const JSON_TYPE = "application/json; charset=utf-8";
/** HMAC-SHA256 of “test” by “secret”, as the documentation of a library for WhatsApp has it. */
const PUBLISHED = "0329a06b62cd16b33eb6792be8c60b158d89a2ee3a876fce9a881ebb488c0914";
const HOSTILE = [
  "<script>alert(1)</script>",
  '"><img src=x onerror=alert(1)>',
  "{{7*7}}",
  "a\r\nset-cookie: a=b",
  "a\0b",
  "\ufeff<b>",
  "+ADw-script+AD4\u2028",
  "",
  "a".repeat(1_025),
];
const APP = { clientId: "client", clientSecret: "app-secret" };
const OWN = { ...APP, webhookSecret: SECRET };

let app: TestApp;
let receiver: Receiver;
let key: string;
beforeAll(async () => {
  receiver = await startReceiver();
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32", MOORLINE_TRUSTED_PROXIES: "127.0.0.1" });
  ({ key } = await createProject(app, app.adminKey));
  await createWebhook(app, key, { url: receiver.url, events: ["provider_webhook.received"] });
});
afterAll(async () => {
  await app?.close();
  await receiver?.close();
});
const configOf = (slug: string, input: object = OWN) => createWebhookConfig(app, key, slug, input);

/** As written, so that no client tidies it up. */
function ask(config: WebhookConfig, query: Record<string, string> = {}, init: RequestInit = {}) {
  return fetch(`${config.webhookUrl}?${new URLSearchParams(query)}`, init);
}

async function seen(answer: Response) {
  return [answer.status, answer.headers.get("content-type"), await answer.text()];
}

/** What the product heard of this config's webhooks. */
async function heard({ id }: WebhookConfig): Promise<Record<string, unknown>> {
  const found = () =>
    receiver.posted.map(({ body }) => (JSON.parse(body) as Heard).data).find((data) => data.authConfigId === id);
  await expect.poll(found).toBeDefined();
  return found()!;
}

/** What nobody shall hear of is not even queued. */
async function expectNothingForwarded({ id }: WebhookConfig) {
  const count = `SELECT count(*)::int FROM "WebhookDelivery" WHERE "subjectId" = $1`;
  const [row] = await app.services.database.query<{ count: number }>("x", count, [decodeId("AuthConfig", id)]);
  expect(row!.count).toBe(0);
}

describe("Zoom", () => {
  const signed = (body: string, secret = SECRET, at = seconds()) => ({
    "x-zm-request-timestamp": at,
    "x-zm-signature": `v0=${hex(`v0:${at}:${body}`, secret)}`,
  });
  const question = (plainToken: unknown) =>
    JSON.stringify({ payload: { plainToken }, event_ts: 1654503849680, event: "endpoint.url_validation" });

  test("hears its token again, and a hash of it by the secret", async () => {
    const config = await configOf("zoom", { ...APP, webhookSecret: "secret" });
    const body = question("test");
    const answer = await post(config.webhookUrl, body, signed(body, "secret"));
    expect(answer.headers.get("content-type")).toBe(JSON_TYPE);
    expect(await answer.json()).toEqual({ plainToken: "test", encryptedToken: PUBLISHED });
    await expectNothingForwarded(config);
  });

  test("hears nothing where the question is not its own, old, or odd", async () => {
    const config = await configOf("zoom");
    const body = question("qgg8vlvZRS6UYooatFL8Aw");
    const wrong = [{}, signed(body, "another"), signed(`${body} `), signed(body, SECRET, seconds(-301))];
    for (const headers of wrong) {
      const [status, , text] = await seen(await post(config.webhookUrl, body, headers as Record<string, string>));
      expect([status, text]).toEqual([401, expect.not.stringContaining(hex("qgg8vlvZRS6UYooatFL8Aw"))]);
    }
    // With this, the next webhook could be forged.
    const forged = question(`v0:${seconds()}:{"event":"meeting.ended"}`);
    expect((await post(config.webhookUrl, forged, signed(forged))).status).toBe(400);
    for (const hostile of HOSTILE.filter(Boolean)) {
      const odd = question(hostile);
      expect((await post(config.webhookUrl, odd, signed(odd))).status).toBe(400);
    }
    await expectNothingForwarded(config);
  });

  test("is passed on when it tells something", async () => {
    const config = await configOf("zoom");
    const body = '{"event":"meeting.started","payload":{"account_id":"A","object":{"id":"1"}},"event_ts":1}';
    expect((await post(config.webhookUrl, body, signed(body))).status).toBe(200);
    expect(await heard(config)).toMatchObject({ connector: "zoom", event: "meeting.started" });
  });
});

describe.each([
  ["facebook", APP, "app-secret"],
  ["meta-marketing-api", APP, "app-secret"],
  ["instagram", OWN, SECRET],
  ["whatsapp-business", { webhookSecret: SECRET }, SECRET],
])("Meta: %s", (slug, input, secret) => {
  /** The example of Meta's documentation. */
  const example = { "hub.mode": "subscribe", "hub.challenge": "1158201444", "hub.verify_token": "meatyhamhock" };

  test("hears its challenge again with the config's own verify token only", async () => {
    const [config, other] = [await configOf(slug, input), await configOf(slug, input)];
    const token = config.webhookVerifyToken!;
    expect(token).toMatch(/^[\w-]{32}$/);
    const answer = await ask(config, { ...example, "hub.verify_token": token });
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await seen(answer)).toEqual([200, TEXT, "1158201444"]);
    const wrong = ["meatyhamhock", "", `${token}x`, token.slice(1), other.webhookVerifyToken!, secret, config.id];
    for (const one of wrong) {
      const [status, , text] = await seen(await ask(config, { ...example, "hub.verify_token": one }));
      expect([status, text]).toEqual([401, expect.not.stringContaining("1158201444")]);
    }
    const { "hub.verify_token": _, ...without } = example;
    expect((await ask(config, without)).status).toBe(401);
    await expectNothingForwarded(config);
  });

  test("hears nothing that could be markup, even with the token", async () => {
    const config = await configOf(slug, input);
    const asking = { ...example, "hub.verify_token": config.webhookVerifyToken! };
    for (const hostile of HOSTILE) {
      for (const accept of ["*/*", "text/html"]) {
        const [status, , text] = await seen(await ask(config, { ...asking, "hub.challenge": hostile }, { headers: { accept } }));
        expect(status).toBe(400);
        if (hostile) expect(text).not.toContain(hostile.slice(0, 12));
      }
    }
    expect((await ask(config, { ...asking, "hub.mode": "unsubscribe" })).status).toBe(400);
    expect((await ask(config, {})).status).toBe(400);
    const { "hub.challenge": _, ...without } = asking;
    expect((await ask(config, without)).status).toBe(400);
  });

  test("is checked by the app's secret when it tells something, by POST alone", async () => {
    const config = await configOf(slug, input);
    const body = '{"object":"page","entry":[{"id":"1","changes":[{"field":"feed"}]}]}';
    const headers = { "x-hub-signature-256": `sha256=${hex(body, secret)}` };
    expect((await post(config.webhookUrl, body, headers)).status).toBe(200);
    expect(await heard(config)).toMatchObject({ event: "page", body: JSON.parse(body) });
    expect((await post(config.webhookUrl, `${body} `, headers)).status).toBe(401);
    // The verify token is known to others: it signs nothing.
    const token = config.webhookVerifyToken!;
    const signed = { "x-hub-signature-256": `sha256=${hex(body, token)}` };
    expect((await post(config.webhookUrl, body, signed)).status).toBe(401);
    const asking = new URLSearchParams({ ...example, "hub.verify_token": token });
    expect((await post(`${config.webhookUrl}?${asking}`, body, {})).status).toBe(401);
    expect((await fetch(`${config.webhookUrl}?${asking}`, { method: "HEAD" })).status).toBe(405);
  });
});

describe("the verify token", () => {
  test("signs as in the published example, follows the secret, and is kept from sessions", async () => {
    const config = await configOf("facebook", { clientId: "client", clientSecret: "secret" });
    const headers = { "x-hub-signature-256": `sha256=${PUBLISHED}` };
    expect((await post(config.webhookUrl, "test", headers)).status).toBe(200);
    const change = { id: config.id, clientSecret: "another" };
    const { authConfig } = await mutate(app, key, "updateAuthConfig", change, CONFIG);
    expect(authConfig.webhookVerifyToken).toMatch(/^[\w-]{32}$/);
    expect(authConfig.webhookVerifyToken).not.toBe(config.webhookVerifyToken);
    const user = await createUser(app, key);
    const session = await createSession(app, key, user.id);
    const query = "query($id: ID!) { authConfig(id: $id) { webhookVerifyToken } }";
    expect(await run(app, session, query, { id: config.id })).toEqual({ authConfig: { webhookVerifyToken: null } });
  });

  test("is not there before the secret is, nor where nobody asks for it; then nothing is answered", async () => {
    const config = await configOf("whatsapp-business", {});
    expect(config).toMatchObject({ webhookVerifyToken: null, hasWebhookSecret: false });
    const query = { "hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": "" };
    const [status, , text] = await seen(await ask(config, query));
    expect([status, text]).toEqual([401, expect.stringContaining("set its webhookSecret")]);
    expect((await configOf("dropbox", APP)).webhookVerifyToken).toBeNull();
    expect((await configOf("github")).webhookVerifyToken).toBeNull();
  });
});

describe("wrong verify tokens", () => {
  const SLUG = "facebook";
  const question = (token: string) => ({ "hub.mode": "subscribe", "hub.challenge": "1", "hub.verify_token": token });
  const from = (address: string) => ({ headers: { "x-forwarded-for": address } });

  test("are ten a minute at most, of one config from one address", async () => {
    const [config, other] = [await configOf(SLUG, APP), await configOf(SLUG, APP)];
    const right = question(config.webhookVerifyToken!);
    for (let turn = 0; turn < 10; turn += 1) {
      expect((await ask(config, right, from("203.0.113.7"))).status).toBe(200);
      expect((await ask(config, question(`x${turn}`), from("203.0.113.7"))).status).toBe(401);
    }
    for (const asked of [right, question("x")]) {
      const limited = await ask(config, asked, from("203.0.113.7"));
      expect(limited.status).toBe(429);
      expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(0);
      expect((await limited.json()).errors[0].extensions.code).toBe("RATE_LIMITED");
    }
    // Nobody else hears of it: not the provider, nor another config, nor what is signed.
    expect((await ask(config, right, from("203.0.113.8"))).status).toBe(200);
    expect((await ask(other, question(other.webhookVerifyToken!), from("203.0.113.7"))).status).toBe(200);
    const body = '{"object":"page"}';
    const headers = { "x-hub-signature-256": `sha256=${hex(body, APP.clientSecret)}`, "x-forwarded-for": "203.0.113.7" };
    expect((await post(config.webhookUrl, body, headers)).status).toBe(200);
  });

  test("are counted by the /64 of an IPv6 address", async () => {
    const config = await configOf(SLUG, APP);
    for (let turn = 0; turn < 10; turn += 1)
      expect((await ask(config, question("x"), from(`2001:db8:0:1::${turn}`))).status).toBe(401);
    expect((await ask(config, question("x"), from("2001:db8:0:1:f::"))).status).toBe(429);
    expect((await ask(config, question("x"), from("2001:db8:0:2::"))).status).toBe(401);
  });
});

describe("Dropbox", () => {
  test("hears its challenge again, as plain text that is nothing else", async () => {
    const config = await configOf("dropbox", APP);
    const answer = await ask(config, { challenge: "abc123" });
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await seen(answer)).toEqual([200, TEXT, "abc123"]);
    expect((await ask(config, { challenge: "a".repeat(1_024) })).status).toBe(200);
    for (const hostile of HOSTILE) {
      const [status, , text] = await seen(await ask(config, { challenge: hostile }));
      expect([hostile, status]).toEqual([hostile, 400]);
      if (hostile) expect(text).not.toContain(hostile.slice(0, 12));
    }
    expect((await ask(config)).status).toBe(400);
    await expectNothingForwarded(config);
  });

  test("is checked by the app's secret when it tells something", async () => {
    const config = await configOf("dropbox", APP);
    const body = '{"list_folder":{"accounts":["dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc"]}}';
    expect((await post(config.webhookUrl, body, { "x-dropbox-signature": hex(body, "app-secret") })).status).toBe(200);
    expect(await heard(config)).toMatchObject({ connector: "dropbox", body: JSON.parse(body) });
    expect((await post(`${config.webhookUrl}?challenge=abc123`, body, {})).status).toBe(401);
  });
});

describe.each(["microsoft", "outlook", "onedrive", "microsoft-teams"])("Microsoft Graph: %s", (slug) => {
  const validationToken = "Validation: Testing client application reachability for subscription Request-Id: 3c4f7d52";
  const notify = (...states: unknown[]) =>
    JSON.stringify({ value: states.map((clientState) => ({ subscriptionId: "s", clientState, changeType: "created" })) });

  test("hears its validation token again, decoded", async () => {
    const config = await configOf(slug);
    const answer = await ask(config, { validationToken }, { method: "POST", headers: { "content-type": "text/plain" } });
    expect(await seen(answer)).toEqual([200, TEXT, validationToken]);
    const hostile = await ask(config, { validationToken: "<b>hello</b>" }, { method: "POST" });
    expect([hostile.status, await hostile.text()]).toEqual([400, expect.not.stringContaining("<b>")]);
    expect((await ask(config, { validationToken })).status).toBe(405);
    await expectNothingForwarded(config);
  });

  test("proves itself by the client state of every notification, which nobody else sees", async () => {
    const config = await configOf(slug);
    expect((await post(config.webhookUrl, notify(SECRET, SECRET), {})).status).toBe(200);
    const data = await heard(config);
    expect(data).toMatchObject({ event: "created", encoding: "json" });
    expect(data.body).toEqual(
      JSON.parse('{"value":[{"subscriptionId":"s","changeType":"created"},{"subscriptionId":"s","changeType":"created"}]}'),
    );
    const odd = ["{}", '{"value":[]}', '{"value":"x"}', '{"value":[null]}', "x", "", notify(SECRET).slice(1)];
    const wrong = [notify("x"), notify(SECRET, "x"), notify(SECRET, undefined), notify(null), notify([SECRET]), ...odd];
    for (const body of wrong) expect([body, (await post(config.webhookUrl, body, {})).status]).toEqual([body, 401]);
  });

  test("keeps the client state out of a body that the database cannot hold as JSON, too", async () => {
    const config = await configOf(slug);
    const body = notify(SECRET).replace('"s"', '"\\u0000"');
    expect((await post(config.webhookUrl, body, {})).status).toBe(200);
    const data = await heard(config);
    expect(data.encoding).toBe("text");
    expect(JSON.parse(data.body as string)).toEqual({ value: [{ subscriptionId: "\0", changeType: "created" }] });
    const broken = Buffer.concat([
      Buffer.from(notify(SECRET).slice(0, -1)),
      Buffer.from([0x2c, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
    ]);
    expect((await post(config.webhookUrl, broken, {})).status).toBe(401);
  });
});

describe("monday", () => {
  /** The example of monday's documentation. */
  const question = '{"challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}';
  const body = '{"event":{"type":"update_column_value","boardId":1}}';

  function token(audience: string | null, { secret = SECRET, expires = "5m" as string | number, alg = "HS256" } = {}) {
    const jwt = new SignJWT({ accountId: 1825529, userId: 4012689 }).setProtectedHeader({ alg }).setIssuedAt();
    if (audience) jwt.setAudience(audience);
    if (expires) jwt.setExpirationTime(expires);
    return jwt.sign(Buffer.from(secret));
  }

  test("hears its challenge again, in the same JSON", async () => {
    const config = await configOf("monday");
    expect(await seen(await post(config.webhookUrl, question, {}))).toEqual([200, JSON_TYPE, question]);
    for (const hostile of HOSTILE.filter(Boolean)) {
      const answer = await post(config.webhookUrl, JSON.stringify({ challenge: hostile }), {});
      expect([hostile, answer.status]).toEqual([hostile, 400]);
    }
    for (const odd of [{ challenge: "" }, { challenge: { a: 1 } }, { challenge: null }])
      expect((await post(config.webhookUrl, JSON.stringify(odd), {})).status).toBe(401);
    await expectNothingForwarded(config);
  });

  test("proves itself by a token for this very address", async () => {
    const config = await configOf("monday");
    const send = async (jwt: string) => seen(await post(config.webhookUrl, body, { authorization: jwt }));
    const url = config.webhookUrl!;
    expect((await send(await token(url)))[0]).toBe(200);
    expect(await heard(config)).toMatchObject({ event: "update_column_value" });
    const [head, payload] = (await token(url)).split(".");
    const unsigned = `${Buffer.from('{"alg":"none"}').toString("base64url")}.${payload}.`;
    const refused: [string, string][] = [
      [await token(url, { secret: "another" }), "not one of the secret"],
      [await token(url, { alg: "HS512", secret: SECRET.repeat(3) }), "not one of the secret"],
      [unsigned, "not one of the secret"],
      [`${head}.${payload}.`, "not one of the secret"],
      ["x", "not one of the secret"],
      [await token(url, { expires: 0 }), "not one of the secret"],
      [await token(url, { expires: Number(seconds(-1)) }), "five minutes"],
      [await token((await configOf("monday")).webhookUrl), "another address"],
    ];
    for (const [jwt, why] of refused) expect(await send(jwt)).toEqual([401, JSON_TYPE, expect.stringContaining(why)]);
    expect((await post(url, body, {})).status).toBe(401);
  });
});

describe("Twitch", () => {
  function signed(id: string, body: string, type: string, at = new Date()) {
    const timestamp = at.toISOString().replace("Z", "456789Z");
    return {
      "twitch-eventsub-message-id": id,
      "twitch-eventsub-message-timestamp": timestamp,
      "twitch-eventsub-message-type": type,
      "twitch-eventsub-subscription-type": "channel.follow",
      "twitch-eventsub-message-signature": `sha256=${hex(`${id}${timestamp}${body}`)}`,
    };
  }

  test("hears its challenge again, signed with its id and time alone", async () => {
    const config = await configOf("twitch");
    const body = '{"challenge":"pogchamp-kappa-360noscope-vohiyo","subscription":{"type":"channel.follow"}}';
    const headers = signed("m1", body, "webhook_callback_verification");
    expect(await seen(await post(config.webhookUrl, body, headers))).toEqual([200, TEXT, "pogchamp-kappa-360noscope-vohiyo"]);
    const wrong = [
      { ...headers, "twitch-eventsub-message-id": "m2" },
      Object.fromEntries(Object.entries(headers).filter(([name]) => !name.endsWith("message-id"))),
      signed("m1", body, "webhook_callback_verification", new Date(Date.now() - 301_000)),
    ];
    for (const one of wrong) expect((await post(config.webhookUrl, body, one as Record<string, string>)).status).toBe(401);
    await expectNothingForwarded(config);
    const told = '{"event":{"user_id":"1"},"challenge":"no question"}';
    expect(await seen(await post(config.webhookUrl, told, signed("m3", told, "notification")))).toEqual([
      200,
      JSON_TYPE,
      '{"received":true}',
    ]);
    expect(await heard(config)).toMatchObject({ event: "channel.follow", providerEventId: "m3" });
  });
});

describe("Trello", () => {
  test("sees by HEAD that somebody is there, and signs with the address", async () => {
    const config = await configOf("trello", APP);
    expect(await seen(await ask(config, {}, { method: "HEAD" }))).toEqual([200, null, ""]);
    expect((await ask(config)).status).toBe(405);
    const body = '{"action":{"id":"a1","type":"updateCard"},"model":{"id":"m"}}';
    const sign = (url: string) => ({ "x-trello-webhook": base64(`${body}${url}`, "app-secret", "sha1") });
    expect((await post(config.webhookUrl, body, sign(config.webhookUrl!))).status).toBe(200);
    expect(await heard(config)).toMatchObject({ event: "updateCard", providerEventId: "a1" });
    expect((await post(config.webhookUrl, body, sign("https://other.example/"))).status).toBe(401);
  });
});

describe("Okta", () => {
  test("asks by a header, hears it in JSON, and sends its secret along", async () => {
    const config = await configOf("okta");
    const header = "x-okta-verification-challenge";
    const answer = await ask(config, {}, { headers: { [header]: "myV3rif1cat10n", authorization: SECRET } });
    expect(await seen(answer)).toEqual([200, JSON_TYPE, '{"verification":"myV3rif1cat10n"}']);
    expect((await ask(config, {}, { headers: { [header]: "<b>" } })).status).toBe(400);
    expect((await ask(config)).status).toBe(400);
    const body = '{"eventId":"e1","data":{"events":[{"eventType":"user.session.start"}]}}';
    expect(await seen(await post(config.webhookUrl, body, { authorization: SECRET }))).toEqual([200, null, ""]);
    expect(await heard(config)).toMatchObject({ event: "user.session.start", providerEventId: "e1" });
    expect((await post(config.webhookUrl, body, { authorization: `Bearer ${key}` })).status).toBe(401);
  });
});

describe("Xero", () => {
  test("hears in its trial whether the signature is right, and no word more", async () => {
    const config = await configOf("xero");
    const body = '{"events":[],"lastEventSequence":0,"firstEventSequence":0,"entropy":"S0m3r4Nd0mt3xt"}';
    expect(await seen(await post(config.webhookUrl, body, { "x-xero-signature": base64(body) }))).toEqual([200, null, ""]);
    expect((await post(config.webhookUrl, body, { "x-xero-signature": base64(body, "x") })).status).toBe(401);
  });
});

describe("providers that ask nothing", () => {
  test("Box: the example of its SDKs is right, and too old", async () => {
    const config = await configOf("box", { ...APP, webhookSecret: "SamplePrimaryKey" });
    const body =
      '{"type":"webhook_event","webhook":{"id":"1234567890"},"trigger":"FILE.UPLOADED","source":{"id":"1234567890","type":"file","name":"Test.txt"}}';
    const headers = {
      "box-delivery-timestamp": "2020-01-01T00:00:00-07:00",
      "box-signature-primary": "6TfeAW3A1PASkgboxxA5yqHNKOwFyMWuEXny/FPD5hI=",
    };
    expect(await (await post(config.webhookUrl, body, headers)).text()).toContain("five minutes");
    expect(await (await post(config.webhookUrl, `${body} `, headers)).text()).toContain("not one of the secret");
    const at = new Date().toISOString();
    const now = { "box-delivery-timestamp": at, "box-signature-primary": base64(body + at, "SamplePrimaryKey") };
    expect((await post(config.webhookUrl, body, now)).status).toBe(200);
    expect(await heard(config)).toMatchObject({ event: "FILE.UPLOADED" });
  });

  test("Figma: the passcode is in the body, and taken out of it", async () => {
    const config = await configOf("figma");
    const send = (passcode: unknown) =>
      post(config.webhookUrl, JSON.stringify({ event_type: "FILE_UPDATE", file_key: "k", passcode }), {});
    expect((await send(SECRET)).status).toBe(200);
    expect(await heard(config)).toMatchObject({ event: "FILE_UPDATE", encoding: "json" });
    expect(JSON.stringify(await heard(config))).not.toContain("passcode");
    const rows = await app.services.database.query<{ row: string }>("x", `SELECT d::text AS "row" FROM "WebhookDelivery" d`, []);
    expect(JSON.stringify(rows)).not.toContain(SECRET);
    for (const wrong of ["x", "", undefined, 1]) expect((await send(wrong)).status).toBe(401);
    expect((await post(config.webhookUrl, JSON.stringify([]), {})).status).toBe(401);
  });

  test.each<[string, object, string, (body: string, at: string) => Record<string, string>, string | null]>([
    [
      "jira",
      OWN,
      '{"webhookEvent":"jira:issue_created"}',
      (body) => ({ "x-hub-signature": `sha256=${hex(body)}` }),
      "jira:issue_created",
    ],
    ["attio", OWN, '{"events":[{"event_type":"note.created"}]}', (body) => ({ "attio-signature": hex(body) }), "note.created"],
    [
      "vercel",
      { webhookSecret: SECRET },
      '{"id":"1","type":"deployment.created"}',
      (body) => ({ "x-vercel-signature": hex(body, SECRET, "sha1") }),
      "deployment.created",
    ],
    [
      "cal-com-oauth",
      OWN,
      '{"triggerEvent":"BOOKING_CREATED"}',
      (body) => ({ "x-cal-signature-256": hex(body) }),
      "BOOKING_CREATED",
    ],
    [
      "tiktok",
      APP,
      '{"event":"authorization.removed"}',
      (body, at) => ({ "tiktok-signature": `t=${at},s=${hex(`${at}.${body}`, "app-secret")}` }),
      "authorization.removed",
    ],
    [
      "sentry-oauth",
      { ...APP, parameters: { appSlug: "ours" } },
      '{"action":"created"}',
      (body) => ({ "sentry-hook-signature": hex(body, "app-secret"), "sentry-hook-resource": "issue" }),
      "issue",
    ],
  ])("%s signs as its documentation says", async (slug, input, body, sign, event) => {
    const config = await configOf(slug, input);
    expect((await post(config.webhookUrl, body, sign(body, seconds()))).status).toBe(200);
    expect(await heard(config)).toMatchObject({ connector: slug, event });
    expect((await post(config.webhookUrl, `${body} `, sign(body, seconds()))).status).toBe(401);
  });
});

describe("by another method than POST", () => {
  test("nobody is answered where the connector's provider does not ask like that, or nothing is there", async () => {
    const [off, gone] = [await configOf("dropbox", APP), await configOf("dropbox", APP)];
    await mutate(app, key, "setAuthConfigEnabled", { id: off.id, enabled: false });
    await mutate(app, key, "deleteAuthConfig", { id: gone.id, confirm: true });
    const silent = await configOf("notion", APP);
    const others = await Promise.all(
      ["github", "slack", "zoom", "monday", "trello"].map((slug) => configOf(slug, slug === "trello" ? APP : OWN)),
    );
    const urls = [off, gone, ...others].map(({ webhookUrl }) => webhookUrl!);
    for (const url of [...urls, `${app.url}/webhooks/${silent.id}`, `${app.url}/webhooks/ac_x`, `${app.url}/webhooks/%3Cb%3E`]) {
      const answer = await fetch(`${url}?challenge=abc123&validationToken=abc123&hub.challenge=abc123&hub.mode=subscribe`);
      expect([url, answer.status, answer.headers.get("allow")]).toEqual([url, 405, "POST"]);
      expect(await answer.text()).not.toContain("abc123");
      const put = await fetch(url, { method: "PUT", body: "{}" });
      expect([url, put.status]).toEqual([url, 405]);
    }
    for (const config of [off, gone, ...others]) await expectNothingForwarded(config);
  });
});

test("the setup guide ends with what to enter where, in the caller's language", async () => {
  const query = '{ connector(slug: "whatsapp-business") { setupGuide webhookSigning } }';
  const ask = async (language: string) => {
    const headers = { "content-type": "application/json", authorization: `Bearer ${key}`, "accept-language": language };
    const answer = await fetch(`${app.url}/graphql`, { method: "POST", headers, body: JSON.stringify({ query }) });
    const { data } = (await answer.json()) as { data: { connector: { setupGuide: string[]; webhookSigning: string } } };
    return data.connector;
  };
  const [english, german] = [await ask("en"), await ask("de")];
  expect(english.webhookSigning).toBe("WEBHOOK_SECRET");
  expect(english.setupGuide.at(-1)).toMatch(/^For webhooks, .*webhookVerifyToken/);
  expect(german.setupGuide.at(-1)).toMatch(/^Tragen Sie für Webhooks .*webhookVerifyToken/);
});
