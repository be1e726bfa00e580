import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { ConnectorDefinition, FieldDefinition } from "../src/catalogue/types.ts";
import { browse, CookieJar, submit } from "../src/sandbox/play-user.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { keyAt, type StaticApi, startStaticApi } from "./support/static-api.ts";
import { type Answered, ask, made, readTyped, wrong } from "./support/typed.ts";

let app: TestApp;
let api: StaticApi;
let key: string;

const fieldFor = (place: FieldDefinition["for"], field: Omit<FieldDefinition, "for">): FieldDefinition => ({
  ...field,
  for: place,
});
const typed = (field: Omit<FieldDefinition, "for">) => fieldFor("credential", field);

/** As a file of the catalogue would say it. */
function connector(slug: string, more: Pick<ConnectorDefinition, "schemes" | "api">): ConnectorDefinition {
  return { slug, name: slug, description: null, kind: "API", categories: ["crm"], docsUrl: null, setupGuide: [], ...more };
}

/** Each account has a host of its own, whose last labels are the provider's. */
const HELPDESK = connector("helpdesk", {
  schemes: [
    {
      type: "API_KEY",
      key: "api-key",
      name: "API key",
      location: "HEADER",
      parameterName: "X-Api-Key",
      fields: [
        typed({ name: "site", label: "Site", type: "STRING", required: true }),
        typed({ name: "apiKey", label: "Agent key", type: "STRING", description: "Under Settings." }),
      ],
    },
  ],
  api: { baseUrl: "https://{connection.site}.helpdesk.example" },
});

/** Nobody has to choose a host, but may. */
const REGIONS = connector("regions", {
  schemes: [
    {
      type: "API_KEY",
      key: "api-key",
      name: "API key",
      location: "HEADER",
      parameterName: "X-Api-Key",
      fields: [typed({ name: "pod", label: "Pod", type: "STRING" })],
    },
  ],
  api: { baseUrl: "https://{connection.pod|main}.regions.example" },
});

/** Some fields matter only with others, and the config has a say. */
const CONDITIONS = (url: string) =>
  connector("conditions", {
    schemes: [
      {
        type: "BEARER_TOKEN",
        key: "bearer",
        name: "Token",
        fields: [
          fieldFor("authConfig", {
            name: "edition",
            label: "Edition",
            type: "ENUM",
            default: "cloud",
            options: [
              { value: "cloud", label: "Cloud" },
              { value: "server", label: "Server" },
            ],
          }),
          typed({
            name: "mode",
            label: "Mode",
            type: "ENUM",
            default: "plain",
            options: [
              { value: "plain", label: "Plain" },
              { value: "signed", label: "Signed" },
            ],
          }),
          typed({
            name: "passphrase",
            label: "Passphrase",
            type: "STRING",
            required: true,
            secret: true,
            visibleWhen: [{ field: "mode", in: ["signed"] }],
          }),
          typed({
            name: "license",
            label: "License",
            type: "STRING",
            required: true,
            visibleWhen: [{ field: "edition", in: ["server"] }],
          }),
          typed({ name: "retries", label: "Retries", type: "INTEGER", min: 0, max: 9 }),
          typed({ name: "verbose", label: "Verbose", type: "BOOLEAN", default: false }),
          typed({ name: "extra", label: "Extra", type: "JSON" }),
          typed({ name: "certificate", label: "Certificate", type: "FILE", secret: true }),
        ],
      },
    ],
    api: { baseUrl: url, verification: { method: "GET", path: "/me" } },
  });

beforeAll(async () => {
  api = await startStaticApi();
  const connectors = [HELPDESK, REGIONS, CONDITIONS(api.url)];
  app = await startTestApp({ MOORLINE_EGRESS_ALLOW: "127.0.0.1/32" }, { app: { connectors } });
  key = app.adminKey;
});

beforeEach(() => {
  api.seen.length = 0;
  api.accept = keyAt(({ headers }) => headers.authorization?.slice("Bearer ".length));
});

afterAll(async () => {
  await app?.close();
  await api?.close();
});

let configs = 0;
async function config(connectorSlug: string, input: object = {}): Promise<string> {
  configs += 1;
  const answer = await ask(app, key, "createAuthConfig", { connectorSlug, name: `Config ${configs}`, ...input });
  if (!answer.authConfig) throw new Error(JSON.stringify(answer));
  return answer.authConfig.id;
}

const create = (authConfigId: string, fields: object): Promise<Answered> =>
  ask(app, key, "createCredential", { target: { authConfigId }, projectOwned: true, fields });
const update = (id: string, fields: object) => ask(app, key, "updateCredential", { id, fields });

describe("a host that a user chooses", () => {
  test.each(["evil.example/", "a.b", "-a", "a b", "..", "a@evil"])("is one label of the provider's: not %j", async (site) => {
    expect(wrong(await create(await config("helpdesk"), { site, apiKey: "key-1" }))).toBe("fields.site PATTERN");
  });

  test("takes the secret along only where that is typed with it", async () => {
    const { id } = await made(create(await config("helpdesk"), { site: "acme", apiKey: "key-1" }));
    const moved = { site: "other" };
    expect(wrong(await update(id, moved))).toBe("fields.apiKey REQUIRED");
    expect(wrong(await ask(app, key, "tryCredential", { credentialId: id, fields: moved }))).toBe("fields.apiKey REQUIRED");
    expect(await made(update(id, { site: "acme" }))).toMatchObject({ status: "ACTIVE" });
    expect(await made(update(id, { ...moved, apiKey: "key-2" }))).toMatchObject({ status: "ACTIVE" });
    const { revealed } = await ask(app, key, "revealCredential", { id });
    expect(revealed!.fields).toEqual({ apiKey: "key-2" });
    // An optional value that stands in the host moves it just so.
    const other = await made(create(await config("regions"), { apiKey: "key-1" }));
    expect(wrong(await update(other.id, { pod: "eu" }))).toBe("fields.apiKey REQUIRED");
  });

  test("is never combined with a secret of the project's", async () => {
    const input = { connectorSlug: "helpdesk", name: "Preset", presetCredentialFields: { apiKey: "key-1" } };
    expect(wrong(await ask(app, key, "createAuthConfig", input))).toBe("presetCredentialFields.apiKey NOT_ALLOWED");
    const whole = { apiKey: "key-1", site: "acme" };
    const id = await config("helpdesk", { presetCredentialFields: whole });
    const loosened = { id, presetCredentialFields: { site: null }, confirm: true };
    expect(wrong(await ask(app, key, "updateAuthConfig", loosened))).toBe("presetCredentialFields.apiKey NOT_ALLOWED");
    expect(await made(create(id, {}))).toMatchObject({ status: "ACTIVE" });
  });

  test("that the config takes over cuts off what users typed for another", async () => {
    const authConfigId = await config("regions");
    const { id } = await made(create(authConfigId, { apiKey: "key-1" }));
    // Nobody had to choose a pod, so it would be another host for all.
    const preset = { id: authConfigId, presetCredentialFields: { pod: "eu" } };
    expect(await ask(app, key, "updateAuthConfig", preset)).toMatchObject({ __typename: "InUseError" });
    await ask(app, key, "updateAuthConfig", { ...preset, confirm: true });
    const cut = (await readTyped(app, key, id))!;
    expect(cut).toMatchObject({ status: "INVALID" });
    expect(cut.statusReason).toContain("CONFIG_CHANGED");
    expect(wrong(await update(id, { apiKey: null }))).toBe("fields.apiKey REQUIRED");
    expect(wrong(await ask(app, key, "tryCredential", { credentialId: id, fields: {} }))).toBe("fields.apiKey REQUIRED");
    expect(await made(update(id, { apiKey: "key-2" }))).toMatchObject({ status: "ACTIVE" });
  });
});

describe("a field that is worded anew", () => {
  test("keeps what its scheme says of it: secret, required, and fit for a header", async () => {
    const id = await config("helpdesk");
    expect(wrong(await create(id, { site: "acme" }))).toBe("fields.apiKey REQUIRED");
    expect(wrong(await create(id, { site: "acme", apiKey: "a\r\nb: c" }))).toBe("fields.apiKey PATTERN");
    const credential = await made(create(id, { site: "acme", apiKey: "key-of-acme" }));
    const row = JSON.stringify(await app.services.database.prisma.credential.findMany());
    expect(row).toContain("acme");
    expect(row).not.toContain("key-of-acme");
    expect(credential.status).toBe("ACTIVE");
  });
});

describe("fields of many kinds", () => {
  const all = {
    token: "good-ada-1",
    mode: "signed",
    passphrase: "open sesame",
    retries: 3,
    verbose: true,
    extra: { list: [1, "two"] },
    certificate: "-----BEGIN-----\nabc\n-----END-----",
  };

  test("are wanted while their conditions hold, by what is typed and by what the config says", async () => {
    const cloud = await config("conditions");
    expect(await made(create(cloud, { token: "good-ada-1" }))).toMatchObject({ status: "ACTIVE" });
    expect(wrong(await create(cloud, { token: "t", mode: "signed" }))).toBe("fields.passphrase REQUIRED");
    expect(wrong(await create(cloud, { token: "t", license: "x" }))).toBe("fields.license UNKNOWN_FIELD");
    expect(wrong(await create(cloud, { token: "t", retries: 10, verbose: "yes" }))).toBe(
      "fields.retries OUT_OF_RANGE, fields.verbose WRONG_TYPE",
    );
    const server = await config("conditions", { parameters: { edition: "server" } });
    expect(wrong(await create(server, { token: "t" }))).toBe("fields.license REQUIRED");
    expect(await made(create(server, { token: "good-ada-1", license: "L-1" }))).toMatchObject({ status: "ACTIVE" });
    // A preset decides a condition as well.
    const signed = await config("conditions", { presetCredentialFields: { mode: "signed" } });
    expect(wrong(await create(signed, { token: "t" }))).toBe("fields.passphrase REQUIRED");
  });

  test("are kept as they came, the secret ones sealed", async () => {
    const { id } = await made(create(await config("conditions"), all));
    const { revealed } = await ask(app, key, "revealCredential", { id });
    expect(revealed!.fields).toEqual({ token: all.token, passphrase: all.passphrase, certificate: all.certificate });
    const { parameters } = await app.services.database.prisma.credential.findFirstOrThrow({ orderBy: { createdAt: "desc" } });
    expect(parameters).toEqual({ mode: "signed", retries: 3, verbose: true, extra: { list: [1, "two"] } });
    // What a change hides is dropped.
    await made(update(id, { mode: "plain" }));
    expect((await ask(app, key, "revealCredential", { id })).revealed!.fields).not.toHaveProperty("passphrase");
  });

  test("can be typed into the form, which says in words what belongs together", async () => {
    const authConfigId = await config("conditions");
    const input = { target: { authConfigId }, projectOwned: true };
    const { connectionRequest } = await ask(app, key, "initiateConnection", input);
    const cookieJar = new CookieJar();
    const page = await browse(connectionRequest!.connectUrl!, { cookieJar });
    expect(page.body).toContain("Only where Mode is Signed.");
    expect(page.body).toMatch(/<select id="field-mode"[^>]*>.*<option value="plain" selected>Plain<\/option>/s);
    expect(page.body).toMatch(/<textarea id="field-certificate"/);
    const values = {
      "field.token": all.token,
      "field.mode": "plain",
      "field.passphrase": "typed in vain",
      "field.retries": "many",
      "field.extra": "{",
      "field.certificate": "one\r\ntwo",
    };
    const first = await submit(page, page.forms[0]!, values, { cookieJar });
    expect(first.status).toBe(422);
    expect(first.body).toContain("Extra must be JSON.");
    const second = await submit(first, first.forms[0]!, { ...values, "field.extra": '{"a":1}' }, { cookieJar });
    expect(second.body).toContain("Retries must be a whole number.");
    expect(second.forms[0]!.fields.find(([name]) => name === "field.retries")?.[1]).toBe("many");
    const good = { ...values, "field.extra": '{"a":1}', "field.retries": "3", "field.verbose": "true" };
    expect((await submit(second, second.forms[0]!, good, { cookieJar })).body).toContain("connected");
    const { parameters, id } = await app.services.database.prisma.credential.findFirstOrThrow({ orderBy: { createdAt: "desc" } });
    expect(parameters).toEqual({ mode: "plain", retries: 3, verbose: true, extra: { a: 1 } });
    expect(id).toBeTruthy();
    expect(api.seen.at(-1)!.headers.authorization).toBe("Bearer good-ada-1");
  });
});
