import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { OAuth2SchemeDefinition, QuirkUse } from "../../src/catalogue/types.ts";
import { Secret } from "../../src/lib/secret.ts";
import {
  begin,
  checkCallback,
  clientCredentials,
  complete,
  type Fetch,
  type OAuth2Client,
  OAuthFailure,
  QUIRKS,
  refresh,
  type TokenSet,
} from "../../src/schemes/oauth2/index.ts";
import { callback, client, FLOW, type Reply, rejection, type Seen, simulateProvider } from "./support.ts";

const GOOD = { access_token: "at-1", token_type: "Bearer", refresh_token: "rt-1", expires_in: 3600, scope: "a b" };

const onRawAnswer = async () => {};

function askWithCode(client: OAuth2Client, fetch: Fetch): Promise<TokenSet> {
  return complete({ ...FLOW, client, fetch, parameters: callback(), onRawAnswer });
}

function basicOf(header: string | undefined): string {
  return Buffer.from(header?.slice("Basic ".length) ?? "", "base64").toString();
}

async function redeem(scheme: Partial<OAuth2SchemeDefinition>, reply: Reply) {
  await using provider = await simulateProvider(() => reply);
  const tokens = await complete({
    ...FLOW,
    client: client(scheme),
    fetch: provider.fetch,
    parameters: callback(),
    onRawAnswer: async () => {},
  });
  return { tokens, seen: provider.seen[0] };
}

/** For each quirk an answer that fails without it and works with it. */
const ANSWER_QUIRKS: Record<string, { value?: string; reply: Reply; without: "fails" | "differs" }> = {
  "token-type-other": { reply: { body: { ...GOOD, token_type: "bot" } }, without: "fails" },
  "scope-commas": { reply: { body: { ...GOOD, scope: "a,b" } }, without: "differs" },
  "token-answer-nested": { value: "authed_user", reply: { body: { ok: true, authed_user: GOOD } }, without: "fails" },
  "access-token-named": {
    value: "token",
    reply: { body: { ...GOOD, access_token: undefined, token: "at-1" } },
    without: "fails",
  },
  "refresh-token-named": {
    value: "refreshToken",
    reply: { body: { ...GOOD, refresh_token: undefined, refreshToken: "rt-1" } },
    without: "differs",
  },
  "expires-at": {
    value: "expires",
    reply: { body: { ...GOOD, expires_in: undefined, expires: Math.floor(Date.now() / 1000) + 3602 } },
    without: "differs",
  },
  "expires-in-milliseconds": { reply: { body: { ...GOOD, expires_in: 3_600_000 } }, without: "differs" },
};

interface Asking {
  value?: string;
  scheme?: Partial<OAuth2SchemeDefinition>;
  /** What this provider insists on. */
  wants(request: Seen): boolean;
  ask?(client: OAuth2Client, fetch: Fetch): Promise<TokenSet>;
}

/** For each quirk of a request a provider that refuses every other request. */
const REQUEST_QUIRKS: Record<string, Asking> = {
  "basic-without-encoding": { wants: ({ headers }) => basicOf(headers.authorization) === "id:ö:s3cret" },
  "basic-secret-only": { wants: ({ headers }) => basicOf(headers.authorization) === "s3cret:" },
  "client-id-in-body": { wants: ({ parameters }) => parameters.client_id === "id:ö" },
  "token-request-get": {
    wants: ({ method, url, body }) => method === "GET" && url.searchParams.get("code") === "code-1" && !body,
  },
  "redirect-uri-on-refresh": {
    wants: ({ parameters }) => parameters.redirect_uri === "https://moorline.example/oauth/callback/provider",
    ask: (client, fetch) => refresh({ client, fetch, refreshToken: new Secret("rt-1"), scopes: ["a", "b"], onRawAnswer }),
  },
  "grant-type": {
    value: "account_credentials",
    wants: ({ parameters }) => parameters.grant_type === "account_credentials",
    ask: (client, fetch) => clientCredentials({ client, fetch, scopes: ["a", "b"] }),
  },
};

/** These have a test of their own below. */
const OTHER_QUIRKS = [
  "error-with-200",
  "status-in-body",
  "expires-in-zero",
  "scope-in-callback",
  "code-param",
  "response-type",
  "nonce-always",
  "authorization-fragment",
  "pkce-plain",
  "callback-hmac",
];

describe("quirks", () => {
  it("has a test for every quirk in the registry", () => {
    const tested = [...Object.keys(ANSWER_QUIRKS), ...Object.keys(REQUEST_QUIRKS), ...OTHER_QUIRKS];
    expect(tested.toSorted()).toEqual(Object.keys(QUIRKS).toSorted());
  });

  for (const [name, { value, reply, without }] of Object.entries(ANSWER_QUIRKS)) {
    it(`reads a token answer with “${name}” when the data switches it on, and only then`, async () => {
      const { tokens } = await redeem({ quirks: [{ name, value }] }, reply);
      expect(tokens.accessToken.reveal()).toBe("at-1");
      expect(tokens.refreshToken?.reveal()).toBe("rt-1");
      expect(tokens.tokenType).toBe("Bearer");
      expect(tokens.grantedScopes).toEqual(["a", "b"]);
      expect(tokens.expiresInSeconds).toBeGreaterThan(3590);
      expect(tokens.expiresInSeconds).toBeLessThan(3610);
      const plain = redeem({}, reply);
      if (without === "fails") expect(((await rejection(plain)) as OAuthFailure).details.code).toBe("MALFORMED_RESPONSE");
      else {
        const { grantedScopes, expiresInSeconds, refreshToken } = (await plain).tokens;
        const whole = { grantedScopes: ["a", "b"], expiresInSeconds: 3600, refreshToken: "rt-1" };
        expect({ grantedScopes, expiresInSeconds, refreshToken: refreshToken?.reveal() }).not.toEqual(whole);
      }
    });

    if (name === "expires-in-milliseconds") continue;
    it(`leaves a standard answer alone with “${name}” on`, async () => {
      const { tokens } = await redeem({ quirks: [{ name, value }] }, { body: GOOD });
      expect([tokens.accessToken.reveal(), tokens.grantedScopes, tokens.expiresInSeconds]).toEqual(["at-1", ["a", "b"], 3600]);
    });
  }

  for (const [name, { value, scheme, wants, ask = askWithCode }] of Object.entries(REQUEST_QUIRKS)) {
    it(`asks for tokens with “${name}” as the provider insists when the data switches it on, and only then`, async () => {
      await using provider = await simulateProvider((request) =>
        wants(request) ? { body: GOOD } : { status: 400, body: { error: "invalid_request" } },
      );
      const of = (quirks: QuirkUse[]) => client({ ...scheme, quirks }, { clientId: "id:ö" });
      const tokens = await ask(of([{ name, value }]), provider.fetch);
      expect(tokens.accessToken.reveal()).toBe("at-1");
      expect(await rejection(ask(of([]), provider.fetch))).toBeInstanceOf(OAuthFailure);
    });
  }

  it.each([
    [{ error: "invalid_grant", error_description: "used" }, "INVALID_GRANT"],
    [{ ok: false, error: "bad_code" }, "INVALID_GRANT"],
    [{ error: { code: "invalid_client", message: "who?" } }, "INVALID_CLIENT"],
    [{ error: 100_020, error_description: "used" }, "INVALID_GRANT"],
  ])("takes an error for an error although its status is 200: %j", async (body, code) => {
    const scheme = {
      quirks: [{ name: "error-with-200" }],
      errorCodes: { bad_code: "INVALID_GRANT" as const, "100020": "INVALID_GRANT" as const },
    };
    expect(((await rejection(redeem(scheme, { body }))) as OAuthFailure).details.code).toBe(code);
  });

  it.each([
    [{ error: "invalid_grant" }, "INVALID_GRANT"],
    [{ ok: false }, "PROVIDER_ERROR"],
  ])("takes an error without a token for one whatever its status, without any quirk: %j", async (body, code) => {
    expect(((await rejection(redeem({}, { body }))) as OAuthFailure).details.code).toBe(code);
  });

  it("reads the status that stands in the body", async () => {
    const scheme = {
      quirks: [
        { name: "status-in-body", value: "meta.status" },
        { name: "token-answer-nested", value: "data" },
      ],
      errorCodes: { "401": "INVALID_GRANT" as const },
    };
    const said = (status: number) => ({ body: { meta: { status }, message: "who?", data: status < 300 ? GOOD : {} } });
    for (const well of [0, 200]) expect((await redeem(scheme, said(well))).tokens.accessToken.reveal()).toBe("at-1");
    const refused = (await rejection(redeem(scheme, said(401)))) as OAuthFailure;
    expect(refused.details).toMatchObject({ code: "INVALID_GRANT", providerCode: "401", providerMessage: "who?" });
  });

  it("takes a lifetime of 0 for none at all only where the data says so", async () => {
    const reply = { body: { ...GOOD, expires_in: 0 } };
    expect((await redeem({ quirks: [{ name: "expires-in-zero" }] }, reply)).tokens.expiresInSeconds).toBeNull();
    expect((await redeem({}, reply)).tokens.expiresInSeconds).toBe(0);
  });

  it("believes the scopes at the redirect URI only where the data says so", async () => {
    const granted = async (quirks: QuirkUse[]) => {
      await using provider = await simulateProvider(() => ({ body: { ...GOOD, scope: undefined } }));
      const parameters = callback({ scope: "a,c" });
      return (await complete({ ...FLOW, client: client({ quirks }), fetch: provider.fetch, parameters, onRawAnswer }))
        .grantedScopes;
    };
    expect(await granted([{ name: "scope-in-callback" }])).toEqual(["a", "c"]);
    expect(await granted([])).toEqual(["a", "b"]);
  });

  it("takes the code from where the provider puts it", async () => {
    const quirks = [{ name: "code-param", value: "auth_code" }];
    const parameters = new URLSearchParams({ auth_code: "code-1", state: FLOW.state });
    await using provider = await simulateProvider(({ parameters: sent }) =>
      sent.code === "code-1" ? { body: GOOD } : undefined,
    );
    const ask = (of: OAuth2Client) => complete({ ...FLOW, client: of, fetch: provider.fetch, parameters, onRawAnswer });
    expect((await ask(client({ quirks }))).accessToken.reveal()).toBe("at-1");
    expect(((await rejection(ask(client()))) as OAuthFailure).details.code).toBe("MALFORMED_RESPONSE");
    const twice = new URLSearchParams([...parameters, ["auth_code", "code-2"]]);
    expect(() => checkCallback(client({ quirks }), twice)).toThrow(/more than once/);
  });

  it("asks for another response_type, or for none", async () => {
    const asked = async (value?: string) => {
      const quirks = value === undefined ? [] : [{ name: "response-type", value }];
      const { url } = await begin({
        ...FLOW,
        client: client({ quirks }),
        fetch: () => Promise.reject(new Error("nothing is asked")),
      });
      return new URL(url).searchParams.get("response_type");
    };
    expect([await asked(), await asked("code id_token"), await asked("none")]).toEqual(["code", "code id_token", null]);
  });

  it("ends the authorization URL with a fragment where the provider wants one", async () => {
    const asked = async (quirks: QuirkUse[]) => {
      const nobody = () => Promise.reject(new Error("nothing is asked"));
      return new URL((await begin({ ...FLOW, client: client({ quirks }), fetch: nobody })).url);
    };
    const url = await asked([{ name: "authorization-fragment", value: "redirect_here" }]);
    expect([url.hash, url.searchParams.get("state")]).toEqual(["#redirect_here", FLOW.state]);
    expect((await asked([])).hash).toBe("");
  });

  it("sends a nonce without “openid” only where the data says so", async () => {
    const nonce = async (quirks: QuirkUse[]) => {
      const { url } = await begin({
        ...FLOW,
        client: client({ quirks }),
        fetch: () => Promise.reject(new Error("nothing is asked")),
      });
      return new URL(url).searchParams.get("nonce");
    };
    expect([await nonce([{ name: "nonce-always" }]), await nonce([])]).toEqual([FLOW.nonce, null]);
  });

  it("proves itself by “plain” where the provider knows no other method", async () => {
    let challenge: string | null = null;
    await using provider = await simulateProvider(({ parameters }) =>
      parameters.code_verifier === challenge ? { body: GOOD } : { status: 400, body: { error: "invalid_grant" } },
    );
    const connect = async (quirks: QuirkUse[]) => {
      const mine = client({ quirks });
      const { url } = await begin({ ...FLOW, client: mine, fetch: provider.fetch });
      challenge = new URL(url).searchParams.get("code_challenge");
      expect(new URL(url).searchParams.get("code_challenge_method")).toBe(quirks.length > 0 ? "plain" : "S256");
      return complete({ ...FLOW, client: mine, fetch: provider.fetch, parameters: callback(), onRawAnswer });
    };
    expect((await connect([{ name: "pkce-plain" }])).accessToken.reveal()).toBe("at-1");
    expect(((await rejection(connect([]))) as OAuthFailure).details.code).toBe("INVALID_GRANT");
  });

  it("refuses a callback whose signature is missing or wrong, and takes the right one", () => {
    const signing = client({ quirks: [{ name: "callback-hmac", value: "hmac" }] });
    const parameters = callback({ shop: "acme.myshopify.com", timestamp: "1" });
    expect(() => checkCallback(signing, parameters)).toThrow(OAuthFailure);
    const signed = [...parameters]
      .map(([name, value]) => `${name}=${value}`)
      .toSorted()
      .join("&");
    parameters.set("hmac", createHmac("sha256", "s3cret").update(signed).digest("hex"));
    expect(checkCallback(signing, parameters)).toEqual({ outcome: "CODE" });
    parameters.set("shop", "evil.myshopify.com");
    expect(() => checkCallback(signing, parameters)).toThrow(/signature/);
  });

  it.each([
    ["a wrong content type", { headers: { "content-type": "text/plain" }, body: GOOD }],
    ["status 201", { status: 201, body: GOOD }],
    ["no token_type", { body: { ...GOOD, token_type: undefined } }],
    ["scope as a list", { body: { ...GOOD, scope: ["a", "b"] } }],
    [
      "a form",
      {
        headers: { "content-type": "application/x-www-form-urlencoded" },
        body: new URLSearchParams({ ...GOOD, expires_in: "3600" }).toString(),
      },
    ],
    ["an error that is none", { body: { ...GOOD, error: { code: "ok", message: "" } } }],
    ["null members", { body: { ...GOOD, id_token: null, error: null } }],
    ["expires_in as text", { body: { ...GOOD, expires_in: "3600" } }],
    ["a byte order mark", { body: `\uFEFF${JSON.stringify(GOOD)}` }],
    ["an ID token that there is nothing to check against", { body: { ...GOOD, id_token: "x.y.z" } }],
  ])("reads %s without any quirk", async (_name, reply) => {
    const { tokens } = await redeem({}, reply);
    expect([tokens.accessToken.reveal(), tokens.expiresInSeconds, tokens.idTokenClaims]).toEqual(["at-1", 3600, null]);
    expect(tokens.grantedScopes).toEqual(["a", "b"]);
  });
});
