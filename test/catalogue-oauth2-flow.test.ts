import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fieldsFor } from "../src/catalogue/fields.ts";
import { loadCatalogue } from "../src/catalogue/index.ts";
import type { FieldDefinition, OAuth2SchemeDefinition } from "../src/catalogue/types.ts";
import type { Egress } from "../src/egress/index.ts";
import { CookieJar, playUser } from "../src/sandbox/play-user.ts";
import { simulateProvider } from "./schemes/support.ts";
import { RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { refresh } from "./support/oauth.ts";
import { discovered, EC, type Entry, pem, type Values, valuesOf } from "./support/oauth2-entry.ts";
import { strictProvider } from "./support/oauth2-strict.ts";
import { createConfig, createSession, createUser, initiate, readRequest } from "./support/seed.ts";
import { ask, made } from "./support/typed.ts";

type Door = Egress["fetch"];

let app: TestApp;
let session: string;
/** Where every call of the app is led to. */
let provider: Door;

beforeAll(async () => {
  app = await startTestApp({ MOORLINE_SANDBOX: "off" });
  const led: Egress = { ...app.services.egress, fetch: (url, init) => provider(url, init) };
  (app.services as { egress: Egress }).egress = led;
  const user = await createUser(app, app.adminKey);
  session = await createSession(app, app.adminKey, user.id);
});

afterAll(() => app?.close());

const ENTRIES = loadCatalogue({ variables: {} })
  .all()
  .flatMap((connector) => connector.schemes.map((scheme) => ({ slug: connector.slug, connector, scheme })))
  .filter((entry): entry is Entry & { scheme: OAuth2SchemeDefinition } => entry.scheme.type === "OAUTH2");

/** Whatever of the data can make a flow another one than the last. */
function features({ scheme }: { scheme: OAuth2SchemeDefinition }): string[] {
  const fields = scheme.fields ?? [];
  return [
    ...Object.keys(scheme),
    ...(scheme.quirks ?? []).map(({ name }) => `quirk ${name}`),
    ...(scheme.discovered ?? []).map(({ from }) => `discovered from ${from}`),
    ...fields.map((field) => `${field.type} for ${field.for}${field.secret ? ", secret" : ""}`),
    `account from ${scheme.account?.source}`,
    `${scheme.tokenAuthMethod} ${scheme.tokenBodyFormat}`,
    ...(/\{connection\./.test(scheme.tokenUrl) ? ["a token endpoint of the connection's own"] : []),
  ];
}

/** One entry for each feature at least: what signs its callback, or has answers of its own, is tested in schemes/connectors.test.ts. */
function chosen(): (typeof ENTRIES)[number][] {
  const seen = new Set<string>();
  return ENTRIES.filter(({ scheme }) => !scheme.quirks?.some(({ name }) => name === "callback-hmac")).filter((entry) => {
    const fresh = features(entry).filter((feature) => !seen.has(feature));
    for (const feature of fresh) seen.add(feature);
    return fresh.length > 0;
  });
}

const pick = (values: Values, fields: FieldDefinition[]) =>
  Object.fromEntries(fields.filter(({ name }) => values[name] !== undefined).map(({ name }) => [name, values[name]]));

describe("an account is connected from the front end's first call to the last with", () => {
  test.each(chosen())("$slug", async (entry) => {
    const { scheme, slug } = entry;
    const values = valuesOf(entry, true);
    const secret = scheme.tokenAuthMethod === "NONE" ? null : scheme.clientSecretJwt ? pem(EC.privateKey) : "s3cret&ö";
    const client = { id: "the client:ö", secret, redirectUri: `${app.url}/oauth/callback/${slug}` };
    const presets = fieldsFor(scheme, "credential").filter((field) => !field.beforeRedirect);
    const config = await createConfig(app, app.adminKey, {
      connectorSlug: slug,
      clientId: client.id,
      clientSecret: secret,
      parameters: pick(values, fieldsFor(scheme, "authConfig")),
      presetCredentialFields: pick(values, presets),
    });
    const strict = strictProvider(entry, values, client, config.scopes ?? []);
    await using simulated = await simulateProvider(strict.answer);
    provider = simulated.fetch as Door;

    const parameters = pick(
      values,
      fieldsFor(scheme, "credential").filter((field) => field.beforeRedirect),
    );
    const target = { authConfigId: config.id };
    const request = await initiate(app, session, { target, parameters, returnUrl: RETURN_URL });
    const cookieJar = new CookieJar();
    const there = await playUser(request.authorizationUrl!, {}, { cookieJar, stopAtPrefix: "https://" });
    const callback = strict.authorize(there.redirectedTo);
    // What the user-info call tells, that call itself does not know yet.
    const tell = (isLast: boolean) => {
      for (const value of scheme.discovered ?? [])
        if ((value.from === "userinfo") === isLast) values[value.name] = discovered(value);
    };
    tell(false);
    const back = await comeBack(scheme, client.redirectUri, callback);
    await playUser(back, {}, { cookieJar, stopAtPrefix: RETURN_URL });

    tell(true);
    const { status, failure, credential } = await readRequest(app, session, request.id);
    expect([status, failure]).toEqual(["ACTIVE", null]);
    if (scheme.account) expect(credential!.account?.id).toBeTruthy();
    expect(credential!.scopes.missing).toEqual([]);
    await useAndEnd(entry, credential!.id, strict);
    expect(strict.problems).toEqual([]);
  });
});

test("an account that is brought along comes with what the user-info call would have told", async () => {
  const config = await createConfig(app, app.adminKey, { connectorSlug: "mailchimp", clientId: "c", clientSecret: "s" });
  await using simulated = await simulateProvider(() => ({ body: { dc: "us1", user_id: 7 } }));
  provider = simulated.fetch as Door;
  const fields = { accessToken: "at-1", dc: "us1" };
  const target = { authConfigId: config.id };
  const { account } = await made(ask(app, app.adminKey, "importCredential", { target, projectOwned: true, fields }));
  expect(account?.id).toBe("7");
  expect(simulated.seen[0]?.headers.authorization).toBe("OAuth at-1");
});

/** By the redirect, or by a form that the provider's page posts. */
async function comeBack(scheme: OAuth2SchemeDefinition, redirectUri: string, callback: URLSearchParams): Promise<string> {
  if (scheme.authorizationParameters?.response_mode !== "form_post") return `${redirectUri}?${callback}`;
  const posted = await fetch(redirectUri, { method: "POST", body: callback, redirect: "manual" });
  return new URL(posted.headers.get("location")!, redirectUri).href;
}

async function useAndEnd({ connector, scheme }: Entry, id: string, strict: { asked: string[] }): Promise<void> {
  const { longLived, tokenRequestSignature } = scheme as OAuth2SchemeDefinition;
  const isRenewed = longLived ? longLived.renewal !== undefined : tokenRequestSignature === undefined;
  if (isRenewed) {
    expect(await refresh(app, app.adminKey, id)).toMatchObject({ credential: { status: "ACTIVE" } });
    expect(strict.asked).toContain("refresh");
  }
  const { result } = await ask(app, app.adminKey, "testCredential", { id });
  expect(result?.code).toBe(connector.api?.verification ? "OK" : "NOT_TESTABLE");
  strict.asked.push("done");
  const ended = await ask(app, app.adminKey, "revokeCredential", { id });
  expect(ended.credential?.status).toBe("REVOKED");
}
