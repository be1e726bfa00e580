import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { loadCatalogue } from "../src/catalogue/index.ts";
import { variablesOf } from "../src/catalogue/templates.ts";
import type { ConnectorDefinition, OAuth2SchemeDefinition } from "../src/catalogue/types.ts";
import type { Egress } from "../src/egress/index.ts";
import { CookieJar, playUser } from "../src/sandbox/play-user.ts";
import { type Reply, type Seen, type SimulatedProvider, simulateProvider } from "./schemes/support.ts";
import { RETURN_URL, startTestApp, type TestApp } from "./support/app.ts";
import { list, mutate } from "./support/entities.ts";
import { payload } from "./support/graphql.ts";
import { readConfig, reauthorize } from "./support/oauth.ts";
import { createConfig, createSession, createUser, initiate, readRequest } from "./support/seed.ts";

/** Whoever opens the callback by hand has a code for an account of their own, and can name anybody else's beside it. */

let app: TestApp;
let provider: SimulatedProvider;
let answer: (request: Seen) => Reply | undefined;
let userId: string;
let session: string;

beforeAll(async () => {
  app = await startTestApp({ MOORLINE_SANDBOX: "off" });
  provider = await simulateProvider((request) => answer(request));
  (app.services as { egress: Egress }).egress = { ...app.services.egress, fetch: provider.fetch as Egress["fetch"] };
});
beforeEach(async () => {
  provider.seen.length = 0;
  userId = (await createUser(app, app.adminKey)).id;
  session = await createSession(app, app.adminKey, userId);
});
afterAll(async () => {
  await app?.close();
  await provider?.[Symbol.asyncDispose]();
});

const asked = () => provider.seen.map(({ method, url }) => `${method} ${url.host}${url.pathname}`);
const credentials = async () => (await list(app, session, "credentials", "", "id account { id }")).nodes;

const configOf = (connectorSlug: string, parameters: object = {}) =>
  createConfig(app, app.adminKey, { connectorSlug, clientId: "client-1", clientSecret: "s3cret", parameters });

/** To the provider's page, and back with a code for `owner` and whatever else `named` says. */
async function comeBack(
  config: { redirectUri: string | null },
  request: { id: string; authorizationUrl: string | null },
  owner: string,
  named: object,
) {
  const cookieJar = new CookieJar();
  const { redirectedTo } = await playUser(request.authorizationUrl!, {}, { cookieJar, stopAtPrefix: "https://" });
  const state = new URL(redirectedTo).searchParams.get("state")!;
  const codes = { code: `code-of-${owner}`, spapi_oauth_code: `code-of-${owner}` };
  const back = new URLSearchParams({ state, ...codes, ...named });
  await playUser(`${config.redirectUri}?${back}`, {}, { cookieJar, stopAtPrefix: RETURN_URL });
  return readRequest(app, session, request.id);
}

async function connect(config: Awaited<ReturnType<typeof configOf>>, parameters: object, owner: string, named: object) {
  const request = await initiate(app, session, { target: { authConfigId: config.id }, parameters, returnUrl: RETURN_URL });
  return comeBack(config, request, owner, named);
}

/** The tokens of the account whose code it is. */
function tokensFor({ parameters }: Seen): Reply {
  const owner = /^code-of-(.+)$/.exec(parameters.code ?? "")?.[1];
  if (!owner) return { status: 400, body: { error: "invalid_grant" } };
  const token = {
    access_token: `token-of-${owner}`,
    refresh_token: `refresh-of-${owner}`,
    token_type: "bearer",
    expires_in: 3600,
  };
  // Sentry's names beside the standard's.
  return { body: { ...token, token: token.access_token, expiresAt: "2100-01-01T00:00:00Z" } };
}

const bears = ({ headers }: Seen, owner: string) => headers.authorization === `Bearer token-of-${owner}`;

interface Proven {
  slug: string;
  parameters?: object;
  mine: string;
  others: string;
  /** What the callback's parameter is called. */
  parameter: string;
  /** Where tokens come from, for the account that the callback named. */
  tokens: (named: string) => string;
  /** What asks for the account. */
  call: (named: string) => string;
  wellAsked?: (request: Seen) => boolean;
  /** The permission that the call needs, and where it is given: what the failure says of a refusal. */
  needs?: RegExp;
}

const PROVEN: Proven[] = [
  {
    slug: "quickbooks",
    mine: "4620816365",
    others: "9130347596",
    parameter: "realmId",
    tokens: () => "oauth.platform.intuit.com/oauth2/v1/tokens/bearer",
    call: (id) => `quickbooks.api.intuit.com/v3/company/${id}/companyinfo/${id}`,
    needs: /^Add the scope “com\.intuit\.quickbooks\.accounting” to the auth config/,
  },
  {
    slug: "clover",
    parameters: { authorizeHost: "www.eu.clover.com", apiHost: "api.eu.clover.com" },
    mine: "1A2B3C4D5E6F7",
    others: "7F6E5D4C3B2A1",
    parameter: "merchant_id",
    tokens: () => "api.eu.clover.com/oauth/v2/token",
    call: (id) => `api.eu.clover.com/v3/merchants/${id}`,
    needs: /^Give the app the permission “MERCHANT_R” in the provider's developer console/,
  },
  {
    slug: "myob",
    mine: "5d4b1ce0-bb9f-4f4c-9578-2b168b7295db",
    others: "0a1b2c3d-bb9f-4f4c-9578-2b168b7295db",
    parameter: "businessId",
    tokens: () => "secure.myob.com/oauth2/v1/authorize",
    call: (id) => `api.myob.com/accountright/${id}/`,
    wellAsked: ({ headers }) => headers["x-myobapi-key"] === "client-1" && headers["x-myobapi-version"] === "v2",
    needs: /^Add the scope “sme-company-file” to the auth config/,
  },
  {
    slug: "lightspeed-retail",
    mine: "acme",
    others: "umbrella",
    parameter: "domain_prefix",
    tokens: (shop) => `${shop}.retail.lightspeed.app/api/1.0/token`,
    call: (shop) => `${shop}.retail.lightspeed.app/api/2.0/retailer`,
  },
];

/** What a provider answers for an account that the token does not reach. */
let refused = 403;
/** What it answers where the token reaches the account, and may not make this call. */
let allowed = 200;

function serve({ tokens, call, mine, others, wellAsked }: Proven) {
  answer = (request) => {
    const at = request.url.host + request.url.pathname;
    if ([mine, others].some((named) => at === tokens(named))) return tokensFor(request);
    const named = [mine, others].find((one) => at === call(one));
    if (named === undefined || wellAsked?.(request) === false) return { status: 400 };
    return { status: bears(request, named) ? allowed : refused, body: {} };
  };
}

describe.each(PROVEN)("the account that $slug names in the callback", (proven) => {
  const { slug, parameters = {}, mine, others, parameter, call, needs } = proven;
  beforeEach(() => {
    refused = 403;
    allowed = 200;
    serve(proven);
  });

  test("is believed once the provider has answered for it", async () => {
    const { status, failure, credential } = await connect(await configOf(slug), parameters, mine, { [parameter]: mine });
    expect([status, failure, credential?.account?.id]).toEqual(["ACTIVE", null, mine]);
    expect(asked().at(-1)).toBe(`GET ${call(mine)}`);
  });

  test.each([
    // Clover answers so, too, where the app lacks the permission.
    [401, needs ? "SCOPE_NOT_APPROVED" : "ACCOUNT_MISMATCH"],
    [404, "ACCOUNT_MISMATCH"],
    [500, "PROVIDER_ERROR"],
  ])("is refused where it is somebody else's, and the provider says %i: nothing is stored", async (code, expected) => {
    refused = code;
    const { status, failure, credential } = await connect(await configOf(slug), parameters, mine, { [parameter]: others });
    expect([status, failure?.code, credential]).toEqual(["FAILED", expected, null]);
    expect(await credentials()).toEqual([]);
  });

  test("has to be named", async () => {
    const { status, failure } = await connect(await configOf(slug), parameters, mine, {});
    expect([status, failure?.code]).toEqual(["FAILED", "MALFORMED_RESPONSE"]);
  });
});

describe("a call that is forbidden", () => {
  test.each(["quickbooks", "clover", "myob"])(
    "proves nothing where every account has its tokens from the same place: %s",
    async (slug) => {
      const proven = PROVEN.find((one) => one.slug === slug)!;
      serve(proven);
      refused = allowed = 403;
      const { status, failure, credential } = await connect(await configOf(slug), proven.parameters ?? {}, proven.mine, {
        [proven.parameter]: proven.mine,
      });
      expect([status, failure?.code, credential]).toEqual(["FAILED", "SCOPE_NOT_APPROVED", null]);
      expect(failure?.message).toContain("lacks the permission");
      expect(failure?.remedy).toMatch(proven.needs!);
    },
  );

  test("is told in a credential's own test as well", async () => {
    const proven = PROVEN.find(({ slug }) => slug === "myob")!;
    serve(proven);
    allowed = 200;
    const { credential } = await connect(await configOf("myob"), {}, proven.mine, { businessId: proven.mine });
    allowed = 403;
    const { result } = (await mutate(
      app,
      app.adminKey,
      "testCredential",
      { id: credential!.id },
      "result { ok code remedy }",
    )) as unknown as { result: { ok: boolean; code: string; remedy: string } };
    expect(result).toMatchObject({ ok: false, code: "PERMISSION_DENIED", remedy: expect.stringMatching(proven.needs!) });
  });

  test("says that a scope is missing, where the account's own token endpoint gave the token", async () => {
    serve(PROVEN.find(({ slug }) => slug === "lightspeed-retail")!);
    allowed = 403;
    const { credential } = await connect(await configOf("lightspeed-retail"), {}, "acme", { domain_prefix: "acme" });
    expect(credential?.account?.id).toBe("acme");
  });
});

test("a name in the callback that would lead to another host is refused, and nobody is asked anything", async () => {
  for (const name of ["evil.example/", "evil.example#", "a.b", "acme@evil.example"]) {
    const { status, failure } = await connect(await configOf("lightspeed-retail"), {}, "acme", { domain_prefix: name });
    expect([status, failure?.code]).toEqual(["FAILED", "MALFORMED_RESPONSE"]);
  }
  expect(asked()).toEqual([]);
});

describe("a token endpoint that is the account's own", () => {
  const MINE = "a8e5d37a-696c-4c54-adb5-b3f28d64c7de";
  const OTHERS = "2ebf071f-28df-4989-aca9-c37c763b278f";

  /** It redeems the codes of its own account, and no others. */
  const own = (at: (account: string) => string, accounts: string[], refusal: Reply) => (request: Seen) => {
    const account = accounts.find((one) => request.url.host + request.url.pathname === at(one));
    if (!account) return undefined;
    return request.parameters.code === `code-of-${account}` ? tokensFor(request) : refusal;
  };

  test.each([
    {
      slug: "sentry-oauth",
      setup: { appSlug: "acme-sync" },
      at: (id: string) => `sentry.io/api/0/sentry-app-installations/${id}/authorizations/`,
      mine: MINE,
      others: OTHERS,
      inCallback: (installationId: string) => ({ installationId }),
      typed: () => ({}),
      refusal: { status: 401, body: { detail: "Forbidden grant" } },
      expected: "ACCOUNT_MISMATCH",
    },
    {
      slug: "lightspeed-retail",
      setup: {},
      at: (shop: string) => `${shop}.retail.lightspeed.app/api/1.0/token`,
      mine: "acme",
      others: "umbrella",
      inCallback: (domain_prefix: string) => ({ domain_prefix }),
      typed: () => ({}),
      refusal: { status: 400, body: { error: "invalid_client" } },
      expected: "ACCOUNT_MISMATCH",
    },
    {
      slug: "netsuite",
      setup: {},
      at: (id: string) => `${id}.suitetalk.api.netsuite.com/services/rest/auth/oauth2/v1/token`,
      mine: "1234567-sb1",
      others: "7654321",
      // What it says of the company is nobody's proof, and not read.
      inCallback: (company: string) => ({ company, role: "3", entity: "7" }),
      typed: (accountId: string) => ({ accountId }),
      refusal: { status: 400, body: { error: "invalid_grant" } },
      expected: "INVALID_GRANT",
    },
  ])("proves whose account it is: $slug", async ({ slug, setup, at, mine, others, refusal, expected, ...proven }) => {
    const redeem = own(at, [mine, others], refusal);
    const config = await configOf(slug, setup);
    answer = redeem;
    const tampered = await connect(config, proven.typed(others), mine, proven.inCallback(others));
    expect([tampered.status, tampered.failure?.code, tampered.credential]).toEqual(["FAILED", expected, null]);
    expect(await credentials()).toEqual([]);
    // What an endpoint says that the browser chose is no fault of the client's.
    expect((await readConfig(app, app.adminKey, config.id))?.status).toBe("ACTIVE");

    answer = (request) => redeem(request) ?? (bears(request, mine) ? { body: {} } : { status: 401 });
    const { status, failure, credential } = await connect(config, proven.typed(mine), mine, proven.inCallback(mine));
    expect([status, failure, credential?.account?.id]).toEqual(["ACTIVE", null, mine]);
  });

  test("accuses nobody where the user has typed a server that does not know the client", async () => {
    answer = () => ({ status: 401, body: { error: "invalid_client" } });
    const config = await configOf("netsuite");
    const { failure } = await connect(config, { accountId: "7654321" }, "mine", {});
    expect(failure?.code).toBe("INVALID_CLIENT");
    expect((await readConfig(app, app.adminKey, config.id))?.status).toBe("ACTIVE");
    // The project's own choice is the project's own fault.
    const preset = await createConfig(app, app.adminKey, {
      ...{ connectorSlug: "netsuite", clientId: "client-1", clientSecret: "s3cret" },
      presetCredentialFields: { accountId: "7654321" },
    });
    expect((await connect(preset, {}, "mine", {})).failure?.code).toBe("INVALID_CLIENT");
    expect((await readConfig(app, app.adminKey, preset.id))?.status).toBe("ERROR");
  });

  test("accuses the client where the callback has not chosen it", async () => {
    answer = () => ({ status: 401, body: { error: "invalid_client" } });
    const config = await configOf("quickbooks");
    const { failure } = await connect(config, {}, "mine", { realmId: "4620816365" });
    expect(failure?.code).toBe("INVALID_CLIENT");
    expect((await readConfig(app, app.adminKey, config.id))?.status).toBe("ERROR");
  });
});

describe("a merchant of Braintree", () => {
  let viewer: (request: Seen) => unknown;
  beforeEach(() => {
    viewer = ({ headers }) => {
      const id = /^Bearer token-of-(.+)$/.exec(headers.authorization ?? "")?.[1];
      return { data: { viewer: { merchant: { id, companyName: "Acme" } } } };
    };
    answer = (request) => {
      const { method, url, headers, body } = request;
      if (url.href === "https://api.braintreegateway.com/oauth/access_tokens") return tokensFor(request);
      const isAsked = url.href === "https://payments.braintree-api.com/graphql" && /\bviewer\b.*\bmerchant\b/.test(body);
      return method === "POST" && isAsked && headers["braintree-version"] ? { body: viewer(request) } : undefined;
    };
  });

  test("is who the token says, whatever the callback says", async () => {
    const { credential } = await connect(await configOf("braintree"), {}, "mine", { merchantId: "others" });
    expect(credential?.account).toMatchObject({ id: "mine", name: "Acme" });
  });

  test("is not known where the token does not say", async () => {
    viewer = () => ({ data: null, errors: [{ message: "Not authorized." }] });
    const { status, credential } = await connect(await configOf("braintree"), {}, "mine", { merchantId: "others" });
    expect([status, credential?.account]).toEqual(["ACTIVE", null]);
  });
});

describe("an account that nothing proves", () => {
  const AMAZON = { domain: "sellercentral.amazon.com", applicationId: "amzn1.sp.solution.1" };
  const UNPROVEN = [
    ["amazon-selling-partner", AMAZON, { subdomain: "sellingpartnerapi", region: "eu" }, "selling_partner_id"],
    ["amazon-selling-partner-beta", AMAZON, { region: "eu" }, "selling_partner_id"],
    ["walmart", {}, {}, "sellerId"],
  ] as const;

  test.each(UNPROVEN)("is nobody's in particular: %s", async (slug, setup, parameters, parameter) => {
    answer = (request) => (request.parameters.grant_type === "authorization_code" ? tokensFor(request) : undefined);
    const config = await configOf(slug, setup);
    const first = await connect(config, parameters, "mine", { [parameter]: "10001" });
    expect([first.status, first.failure, first.credential?.account]).toEqual(["ACTIVE", null, null]);

    // Not even the same name makes it the same account.
    const second = await connect(config, parameters, "others", { [parameter]: "10001" });
    expect(second.credential?.id).not.toBe(first.credential!.id);

    const begun = payload(
      await reauthorize(app, session, { id: first.credential!.id, returnUrl: RETURN_URL }),
      "ReauthorizeCredentialPayload",
    );
    const again = await comeBack(config, begun.connectionRequest, "others", { [parameter]: "10001" });
    expect([again.status, again.failure?.code]).toEqual(["FAILED", "ACCOUNT_UNVERIFIABLE"]);
  });
});

/** What may say whose account it is: what the project has set, what the provider has told, or what the provider was asked about. */
function isProven(name: string, scheme: OAuth2SchemeDefinition, { api }: ConnectorDefinition): boolean {
  const verification = api?.verification && (api.verification.baseUrl ?? api.baseUrl) + api.verification.path;
  return (
    scheme.fields?.some((field) => field.name === name && field.for === "authConfig") ||
    scheme.discovered?.some((value) => value.name === name && value.from !== "callback") ||
    [scheme.tokenUrl, verification ?? ""].some((url) => variablesOf(url).includes(`connection.${name}`))
  );
}

test("no connector knows an account by the browser's word alone", () => {
  const all = loadCatalogue({ variables: {} }).all();
  const known = all.flatMap((connector) =>
    connector.schemes.flatMap((scheme) =>
      scheme.type === "OAUTH2" && scheme.account?.source === "connection"
        ? scheme.account.id.map((name) => ({ slug: connector.slug, name, proven: isProven(name, scheme, connector) }))
        : [],
    ),
  );
  expect(known.length).toBeGreaterThan(8);
  expect(known.filter(({ proven }) => !proven)).toEqual([]);
});
