import { createHmac } from "node:crypto";
import { describe, expect, it } from "vitest";
import type { OAuth2SchemeDefinition } from "../../src/catalogue/types.ts";
import { checkCallback, complete, OAuthFailure, QUIRKS } from "../../src/schemes/oauth2/index.ts";
import { callback, client, FLOW, type Reply, rejection, simulateProvider } from "./support.ts";

const GOOD = { access_token: "at-1", token_type: "Bearer", refresh_token: "rt-1", expires_in: 3600, scope: "a b" };

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
  "token-type-missing": { reply: { body: { ...GOOD, token_type: undefined } }, without: "fails" },
  "token-type-other": { reply: { body: { ...GOOD, token_type: "bot" } }, without: "fails" },
  "scope-as-list": { reply: { body: { ...GOOD, scope: ["a", "b"] } }, without: "fails" },
  "scope-commas": { reply: { body: { ...GOOD, scope: "a,b" } }, without: "differs" },
  "token-answer-nested": { value: "authed_user", reply: { body: { ok: true, authed_user: GOOD } }, without: "fails" },
  "token-answer-form-encoded": {
    reply: {
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: new URLSearchParams({ ...GOOD, expires_in: "3600" }).toString(),
    },
    without: "fails",
  },
  "access-token-named": {
    value: "token",
    reply: { body: { ...GOOD, access_token: undefined, token: "at-1" } },
    without: "fails",
  },
  "expires-at": {
    value: "expires",
    reply: { body: { ...GOOD, expires_in: undefined, expires: Math.floor(Date.now() / 1000) + 3602 } },
    without: "differs",
  },
};

const OTHER_QUIRKS = ["error-with-200", "basic-without-encoding", "callback-hmac"];

describe("quirks", () => {
  it("has a test for every quirk in the registry", () => {
    expect([...Object.keys(ANSWER_QUIRKS), ...OTHER_QUIRKS].toSorted()).toEqual(Object.keys(QUIRKS).toSorted());
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
      else expect((await plain).tokens).not.toMatchObject({ grantedScopes: ["a", "b"], expiresInSeconds: expect.any(Number) });
    });

    it(`leaves a standard answer alone with “${name}” on`, async () => {
      const { tokens } = await redeem({ quirks: [{ name, value }] }, { body: GOOD });
      expect([tokens.accessToken.reveal(), tokens.grantedScopes, tokens.expiresInSeconds]).toEqual(["at-1", ["a", "b"], 3600]);
    });
  }

  it.each([
    [{ error: "invalid_grant", error_description: "used" }, "INVALID_GRANT"],
    [{ ok: false, error: "bad_code" }, "INVALID_GRANT"],
    [{ error: { code: "invalid_client", message: "who?" } }, "INVALID_CLIENT"],
  ])("takes an error for an error although its status is 200: %j", async (body, code) => {
    const scheme = { quirks: [{ name: "error-with-200" }], errorCodes: { bad_code: "INVALID_GRANT" as const } };
    expect(((await rejection(redeem(scheme, { body }))) as OAuthFailure).details.code).toBe(code);
  });

  it("sends Basic credentials unencoded only where the data says so", async () => {
    const more = { clientId: "id:ö", tokenAuthMethod: "CLIENT_SECRET_BASIC" as const };
    await using provider = await simulateProvider(() => ({ body: GOOD }));
    const run = (quirks: { name: string }[]) =>
      complete({
        ...FLOW,
        client: client({ quirks }, { clientId: more.clientId }),
        fetch: provider.fetch,
        parameters: callback(),
        onRawAnswer: async () => {},
      });
    await run([]);
    await run([{ name: "basic-without-encoding" }]);
    const sent = provider.seen.map((request) => Buffer.from(request.headers.authorization?.slice(6) ?? "", "base64").toString());
    expect(sent).toEqual(["id%3A%C3%B6:s3cret", "id:ö:s3cret"]);
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
    ["null members", { body: { ...GOOD, id_token: null, error: null } }],
    ["expires_in as text", { body: { ...GOOD, expires_in: "3600" } }],
    ["a byte order mark", { body: `\uFEFF${JSON.stringify(GOOD)}` }],
    ["an ID token that there is nothing to check against", { body: { ...GOOD, id_token: "x.y.z" } }],
  ])("reads %s without any quirk", async (_name, reply) => {
    const { tokens } = await redeem({}, reply);
    expect([tokens.accessToken.reveal(), tokens.expiresInSeconds, tokens.idTokenClaims]).toEqual(["at-1", 3600, null]);
  });
});
