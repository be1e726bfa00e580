import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ApplyDefinition, ConnectorDefinition, FieldDefinition, SchemeDefinition } from "../src/catalogue/types.ts";
import { type AnyHost, startAnyHost } from "./support/any-host.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { run } from "./support/graphql.ts";
import { type Answered, ask, made, wrong } from "./support/typed.ts";

let app: TestApp;
let hosts: AnyHost;

const typed = (name: string, more: Partial<FieldDefinition> = {}): FieldDefinition => ({
  name,
  label: name,
  type: "STRING",
  for: "credential",
  ...more,
});

/** As a file of the catalogue would say it. */
function connector(slug: string, scheme: SchemeDefinition, api: ConnectorDefinition["api"]): ConnectorDefinition {
  const shown = { name: slug, description: null, kind: "API" as const, categories: ["crm"], docsUrl: null, setupGuide: [] };
  return { slug, ...shown, schemes: [scheme], api };
}

const key = (apply: ApplyDefinition, fields?: FieldDefinition[]): SchemeDefinition => ({
  type: "API_KEY",
  key: "api-key",
  name: "API key",
  apply,
  ...(fields && { fields }),
});
const bearer = (...fields: FieldDefinition[]): SchemeDefinition => ({
  type: "BEARER_TOKEN",
  key: "token",
  name: "Token",
  fields,
});
const CHECK = { method: "GET", path: "/check" };

const CONNECTORS = [
  connector(
    "several",
    key({ headers: { "x-key": "{connection.apiKey}", "x-app": "{connection.app}", "x-team": "{connection.team|}" } }, [
      typed("app", { required: true, secret: true }),
      typed("team"),
    ]),
    { baseUrl: "https://several.example/api", verification: CHECK },
  ),
  connector(
    "composed",
    {
      type: "BASIC",
      key: "basic",
      name: "Basic",
      apply: { headers: { authorization: "Basic {base64({connection.username}/token:{connection.password})}" } },
    },
    { baseUrl: "https://composed.example", verification: CHECK },
  ),
  connector("in-path", key({}), { baseUrl: "https://in-path.example/bot{connection.apiKey}", verification: CHECK }),
  connector("in-body", key({ body: { auth: { key: "{connection.apiKey}" } } }), {
    baseUrl: "https://in-body.example",
    verification: { method: "POST", path: "/check", body: { probe: 1 } },
  }),
  connector("own-host", bearer(typed("host", { type: "HOST", required: true })), {
    baseUrl: "https://{connection.host}/api",
    verification: CHECK,
  }),
  connector("own-address", bearer(typed("site", { type: "URL", required: true })), {
    baseUrl: "{connection.site}/api/v1",
    verification: CHECK,
  }),
  connector(
    "listed",
    bearer(
      typed("stage", {
        type: "ENUM",
        required: true,
        options: ["https://live.example/b2b", "https://test.example/pp/b2b"].map((value) => ({ value, label: value })),
      }),
    ),
    { baseUrl: "{connection.stage}", verification: CHECK },
  ),
  connector("with-port", bearer(typed("port", { type: "INTEGER", required: true }), typed("pod", { required: true })), {
    baseUrl: "https://{connection.pod}.with-port.example:{connection.port}",
    verification: CHECK,
  }),
];

beforeAll(async () => {
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" }, { app: { connectors: CONNECTORS } });
  hosts = await startAnyHost(app);
});

beforeEach(() => void hosts.seen.splice(0));

afterAll(async () => {
  await app?.close();
  await hosts?.close();
});

let configs = 0;
async function config(connectorSlug: string, input: object = {}): Promise<Answered> {
  configs += 1;
  return ask(app, app.adminKey, "createAuthConfig", { connectorSlug, name: `Config ${configs}`, ...input });
}

async function create(slug: string, fields: object, test = true): Promise<Answered> {
  const { authConfig } = await config(slug);
  const target = { authConfigId: authConfig!.id };
  return ask(app, app.adminKey, "createCredential", { target, projectOwned: true, fields, test });
}

interface Called {
  __typename: string;
  status?: number;
  issues?: { path: string[]; code: string }[];
}

async function callApi(credentialId: string, input: object): Promise<Called> {
  const query = `mutation ApplyCall($input: CallApiInput!) { callApi(input: $input) {
    __typename ... on CallApiPayload { status } ... on InvalidInputError { issues { path code } } } }`;
  const answer = await run<{ callApi: Called }, object>(app, app.adminKey, query, { input: { credentialId, ...input } });
  return answer.callApi;
}

describe("a key that its connector's data apply", () => {
  test("stands in several headers with what belongs to it, and what nobody said is left out", async () => {
    const { id } = await made(create("several", { apiKey: "k", app: "a" }));
    expect(hosts.seen[0]).toMatchObject({ origin: "https://several.example", path: "/api/check" });
    expect(hosts.seen[0]!.headers).toMatchObject({ "x-key": "k", "x-app": "a" });
    expect(hosts.seen[0]!.headers).not.toHaveProperty("x-team");
    await made(ask(app, app.adminKey, "updateCredential", { id, fields: { team: "red" } }));
    await callApi(id, { method: "GET", path: "/things", headers: { "X-App": "another", "X-Key": "another" } });
    expect(hosts.seen.at(-1)!.headers).toMatchObject({ "x-key": "k", "x-app": "a", "x-team": "red" });
    const { revealed } = await ask(app, app.adminKey, "revealCredential", { id });
    expect(revealed).toMatchObject({ headers: { "x-key": "k", "x-app": "a", "x-team": "red" }, query: {} });
  });

  test("is encoded as a whole, and nothing that a value holds is read as a template", async () => {
    const values = { username: "ada{connection.password}", password: "{base64(x)}é{random}" };
    await made(create("composed", values));
    const pair = Buffer.from(`${values.username}/token:${values.password}`).toString("base64");
    expect(hosts.seen[0]!.headers.authorization).toBe(`Basic ${pair}`);
  });

  test.each(["k\r\nx-evil: 1", "k\n", "ké"])("is not saved where it would break the header: %j", async (apiKey) => {
    expect(wrong(await create("several", { apiKey, app: "a" }))).toBe("fields.apiKey PATTERN");
    expect(hosts.seen).toEqual([]);
  });

  test("is not sent where another value would break a header", async () => {
    const answer = await create("several", { apiKey: "k", app: "ké" });
    expect(answer.result).toMatchObject({ ok: false, message: expect.stringContaining("a header cannot carry") });
    expect(hosts.seen).toEqual([]);
  });

  test("stands in the path alone, encoded, and cannot climb out of it", async () => {
    await made(create("in-path", { apiKey: "12:a/b?c#d" }));
    expect(hosts.seen[0]).toMatchObject({ path: "/bot12%3Aa%2Fb%3Fc%23d/check", query: [] });
    expect(JSON.stringify(hosts.seen[0]!.headers)).not.toContain("12:a");
  });
});

describe("a key in the body", () => {
  test("joins the members of the JSON object that is sent, in a test and in a call", async () => {
    const { id } = await made(create("in-body", { apiKey: 'k"1' }));
    expect(JSON.parse(hosts.seen[0]!.body)).toEqual({ probe: 1, auth: { key: 'k"1' } });
    expect(hosts.seen[0]!.headers["content-type"]).toBe("application/json");
    await callApi(id, { method: "POST", path: "/x", body: { auth: { key: "mine" }, more: [1] } });
    expect(JSON.parse(hosts.seen[1]!.body)).toEqual({ auth: { key: 'k"1' }, more: [1] });
    await callApi(id, { method: "POST", path: "/x" });
    expect(JSON.parse(hosts.seen[2]!.body)).toEqual({ auth: { key: 'k"1' } });
    expect(hosts.seen[2]!.headers["content-type"]).toBe("application/json");
    await callApi(id, { method: "GET", path: "/x" });
    expect(hosts.seen[3]).toMatchObject({ method: "GET", body: "" });
    expect(JSON.stringify(hosts.seen.map(({ headers, query }) => [headers, query]))).not.toContain("k");
  });

  test.each<[string, object]>([
    ["a list", { body: [1] }],
    ["a text", { body: "a=b", headers: { "content-type": "text/plain" } }],
    ["a form", { body: "a=b", headers: { "content-type": "application/x-www-form-urlencoded" } }],
  ])("has no place in %s, and says so before anything is sent", async (_what, input) => {
    const { id } = await made(create("in-body", { apiKey: "k" }, false));
    const answer = await callApi(id, { method: "POST", path: "/x", ...input });
    expect(answer).toMatchObject({ __typename: "InvalidInputError", issues: [{ path: ["body"], code: "WRONG_TYPE" }] });
    expect(hosts.seen).toEqual([]);
  });

  test("goes through the proxy as well, where a body that is too large to be read is refused", async () => {
    const { id } = await made(create("in-body", { apiKey: "k" }, false));
    const headers = { authorization: `Bearer ${app.adminKey}`, "moorline-credential": id, "content-type": "application/json" };
    const send = (body: string) => fetch(`${app.url}/proxy/x`, { method: "POST", headers, body });
    expect((await send('{"a":"b"}')).status).toBe(200);
    expect(JSON.parse(hosts.seen[0]!.body)).toEqual({ a: "b", auth: { key: "k" } });
    expect((await send(JSON.stringify({ a: "b".repeat(1_200_000) }))).status).toBe(400);
    expect(hosts.seen).toHaveLength(1);
  });
});

describe("a host or an address of the user's own", () => {
  const at = async (slug: string, fields: object) => {
    await made(create(slug, { token: "t", ...fields }));
    return hosts.seen[0]!.origin + hosts.seen[0]!.path;
  };

  test("is where the calls go", async () => {
    expect(await at("own-host", { host: "Desk.Acme.example" })).toBe("https://desk.acme.example/api/check");
    hosts.seen.splice(0);
    expect(await at("own-address", { site: "https://acme.example:8443/base/" })).toBe(
      "https://acme.example:8443/base/api/v1/check",
    );
    hosts.seen.splice(0);
    expect(await at("listed", { stage: "https://test.example/pp/b2b" })).toBe("https://test.example/pp/b2b/check");
    hosts.seen.splice(0);
    expect(await at("with-port", { pod: "api8", port: 13443 })).toBe("https://api8.with-port.example:13443/check");
  });

  test.each([
    ["own-host", { host: "acme.example/evil" }],
    ["own-host", { host: "acme.example:8443" }],
    ["own-host", { host: "ada@acme.example" }],
    ["own-host", { host: "acme..example" }],
    ["own-address", { site: "http://acme.example" }],
    ["own-address", { site: "https://ada:pw@acme.example" }],
    ["own-address", { site: "https://acme.example/?q=" }],
    ["own-address", { site: "https://acme.example/#x" }],
    ["own-address", { site: "ftp://acme.example" }],
    ["own-address", { site: "acme.example" }],
    ["with-port", { pod: "api8", port: 0 }],
    ["with-port", { pod: "api8", port: 65_536 }],
    ["with-port", { pod: "api8.evil", port: 1 }],
  ])("is no other kind of thing: %s %j", async (slug, fields) => {
    expect(wrong(await create(slug, { token: "t", ...fields }))).toMatch(/^fields\.(host|site|port|pod) PATTERN$/);
    expect(hosts.seen).toEqual([]);
  });

  test("is one of the list, where there is one", async () => {
    expect(wrong(await create("listed", { token: "t", stage: "https://evil.example" }))).toBe("fields.stage NOT_ALLOWED");
  });

  test.each(["own-host", "own-address", "listed", "with-port"])(
    "never gets a secret that the project presets: %s",
    async (slug) => {
      expect(wrong(await config(slug, { presetCredentialFields: { token: "ours" } }))).toBe(
        "presetCredentialFields.token NOT_ALLOWED",
      );
    },
  );

  test("takes the secret along only where it is typed again", async () => {
    const { id } = await made(create("own-address", { token: "t", site: "https://acme.example" }));
    hosts.seen.splice(0);
    const moved = await ask(app, app.adminKey, "updateCredential", { id, fields: { site: "https://other.example" } });
    expect(wrong(moved)).toBe("fields.token REQUIRED");
    expect(hosts.seen).toEqual([]);
  });
});
