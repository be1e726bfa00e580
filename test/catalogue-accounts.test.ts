import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Egress } from "../src/egress/index.ts";
import { CookieJar, playUser } from "../src/sandbox/play-user.ts";
import { simulateProvider } from "./schemes/support.ts";
import { RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { createConfig, createSession, createUser, initiate } from "./support/seed.ts";
import { ask, made } from "./support/typed.ts";

/** What providers answer, as their documentation shows it, beside what the catalogue says of them. */

let app: TestApp;
let answered: unknown;

beforeAll(async () => {
  app = await startTestApp({ MOORLINE_SANDBOX: "off" });
  const provider = await simulateProvider(() => ({ body: answered as object }));
  (app.services as { egress: Egress }).egress = { ...app.services.egress, fetch: provider.fetch as Egress["fetch"] };
});
afterAll(() => app?.close());

const configOf = (connectorSlug: string) =>
  createConfig(app, app.adminKey, { connectorSlug, clientId: "client-1", clientSecret: "s3cret" });

const ANSWERS: [connector: string, answer: unknown, account: { id: string; name?: string }][] = [
  ["tiktok", { data: { user: { open_id: "o-1", display_name: "Ada" } }, error: { code: "ok" } }, { id: "o-1", name: "Ada" }],
  ["monday", { data: { me: { id: "7", name: "Ada", email: "ada@example.com" } } }, { id: "7", name: "Ada" }],
  ["canva", { team_user: { user_id: "u-1", team_id: "t-1" } }, { id: "u-1" }],
  ["close", { id: "user_1", first_name: "Ada", email: "ada@example.com" }, { id: "user_1", name: "Ada" }],
  ["front", { id: "cmp_1", name: "Analytical Engines" }, { id: "cmp_1", name: "Analytical Engines" }],
  ["eventbrite", { id: "7", name: "Ada", emails: [{ email: "ada@example.com" }] }, { id: "7", name: "Ada" }],
  ["gitlab", { id: 7, username: "ada", name: "Ada", avatar_url: null }, { id: "7", name: "Ada" }],
  ["todoist", { id: "7", full_name: "Ada", email: "ada@example.com" }, { id: "7", name: "Ada" }],
  ["salesloft", { data: { id: 7, name: "Ada", email: "ada@example.com" } }, { id: "7", name: "Ada" }],
  ["gusto", { scope: "public", resource: { type: "Company", uuid: "c-1" } }, { id: "c-1" }],
  ["naver", { resultcode: "00", response: { id: "n-1", name: "Ada" } }, { id: "n-1", name: "Ada" }],
  ["bitly", { login: "ada", name: "Ada", emails: [{ email: "ada@example.com" }] }, { id: "ada", name: "Ada" }],
  ["twitch", { sub: "7", preferred_username: "ada" }, { id: "7", name: "ada" }],
];

describe("an account is known by what the provider answers", () => {
  test.each(ANSWERS)("%s", async (connectorSlug, answer, account) => {
    const { id } = await configOf(connectorSlug);
    answered = answer;
    const input = { target: { authConfigId: id }, projectOwned: true, fields: { accessToken: "at-1" } };
    expect((await made(ask(app, app.adminKey, "importCredential", input))).account).toMatchObject(account);
  });
});

const GOOGLE = "https://www.googleapis.com/auth/";
const NEEDED: [connector: string, scopes: string[]][] = [
  ["gmail", [`${GOOGLE}gmail.readonly`]],
  ["google-calendar", [`${GOOGLE}calendar.readonly`]],
  ["google-drive", [`${GOOGLE}drive.file`]],
  ["youtube", [`${GOOGLE}youtube.readonly`]],
  // The user-info endpoint of Microsoft Graph answers tokens with this scope alone.
  ["outlook", ["openid", "offline_access"]],
  ["microsoft-teams", ["openid", "offline_access"]],
  ["gitlab", ["read_user"]],
  ["okta", ["openid", "offline_access"]],
  ["typeform", ["accounts:read", "offline"]],
  ["close", ["all.full_access", "offline_access"]],
  ["webex", ["spark:people_read", "spark:kms"]],
  ["zoho-crm", ["ZohoCRM.users.READ"]],
];

test.each(NEEDED)("what is asked for by default is enough to test a connection with %s", async (connectorSlug, needed) => {
  expect((await configOf(connectorSlug)).scopes).toEqual(expect.arrayContaining(needed));
});

describe("a tenant of Auth0 in a region of its own", () => {
  const open = async (subdomain: string) => {
    const session = await createSession(app, app.adminKey, (await createUser(app, app.adminKey)).id);
    const { id } = await configOf("auth0");
    const target = { authConfigId: id };
    const { authorizationUrl } = await initiate(app, session, { target, parameters: { subdomain }, returnUrl: RETURN_URL });
    return playUser(authorizationUrl!, {}, { cookieJar: new CookieJar(), stopAtPrefix: "https://" });
  };

  test("is reached at its address", async () => {
    const { redirectedTo } = await open("acme.eu");
    expect(new URL(redirectedTo).origin).toBe("https://acme.eu.auth0.com");
    expect(new URL((await open("acme")).redirectedTo).origin).toBe("https://acme.auth0.com");
  });

  test("is no way to another host", async () => {
    for (const subdomain of ["a.b.c", "evil.example/", "acme.eu.auth0.com.evil", "acme."])
      await expect(open(subdomain)).rejects.toThrow();
  });
});
