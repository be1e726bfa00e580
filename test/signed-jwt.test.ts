import { createSecretKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { refreshAhead } from "../src/jobs/refresh-ahead.ts";
import { startTestApp, type TestApp } from "./support/app.ts";
import { mutate } from "./support/entities.ts";
import { type JwtProvider, startJwtProvider } from "./support/jwt-provider.ts";
import { readConfig, readCredential, refresh, reveal } from "./support/oauth.ts";
import { createConfig, createUser } from "./support/seed.ts";
import { clockOf } from "./support/unattended.ts";

let provider: JwtProvider;
let app: TestApp;
let clock: ReturnType<typeof clockOf>;
let userId: string;
beforeAll(async () => {
  provider = await startJwtProvider();
  // With the job that renews ahead of time.
  const env = { MOORLINE_EGRESS_ALLOW: "127.0.0.1/32", MOORLINE_SKIP_JOBS: "" };
  app = await startTestApp(env, { app: { connectors: [provider.connector("robots")] } });
  clock = clockOf(app);
  userId = (await createUser(app, app.adminKey)).id;
});
beforeEach(() => {
  provider.assertions.length = 0;
  provider.bearers.length = 0;
});
afterAll(async () => {
  await app?.close();
  await provider?.[Symbol.asyncDispose]();
});

async function create(schemeKey: string, fields: object, more: object = {}) {
  const config = await createConfig(app, app.adminKey, { connectorSlug: "robots", schemeKey, ...more });
  const input = { target: { authConfigId: config.id }, user: { id: userId }, fields, test: true };
  const answer = await mutate(app, app.adminKey, "createCredential", input, "credential { id }");
  return { config, answer, id: answer.credential?.id };
}

async function works(id: string) {
  const answer = (await mutate(app, app.adminKey, "testCredential", { id }, "result { code }")) as unknown as {
    result: { code: string };
  };
  return answer.result.code;
}

async function tokenOf(id: string): Promise<string> {
  return ((await reveal(app, app.adminKey, { id })) as unknown as { revealed: { accessToken: string } }).revealed.accessToken;
}

describe("a service account's key file", () => {
  test("signs for an access token with the scopes of the config, and again when it has run out", async () => {
    const { file, email, keyId } = provider.keyFile();
    const { id, answer } = await create("service-account", { privateKey: file });
    expect(answer.__typename, JSON.stringify(answer)).toBe("CreateCredentialPayload");
    expect(provider.assertions).toEqual([
      {
        claims: {
          iss: email,
          aud: `${provider.url}/token`,
          scope: "read",
          iat: expect.any(Number),
          exp: expect.any(Number),
          jti: expect.any(String),
        },
        header: { alg: "RS256", typ: "JWT", kid: keyId },
        body: { resource: "project" },
      },
    ]);
    expect(await readCredential(app, app.adminKey, id)).toMatchObject({
      status: "ACTIVE",
      canRefresh: true,
      accessTokenExpiresAt: expect.any(String),
      account: { id: email, email },
      scopes: { granted: ["read"] },
    });
    const first = await tokenOf(id);
    await clock.pass(3_700);
    expect(await tokenOf(id)).not.toBe(first);
    expect(await works(id)).toBe("OK");
    expect(provider.assertions.length).toBeGreaterThan(1);
  });

  test("is read as a base64 data URL, too, and acts on behalf of somebody where that is asked for", async () => {
    const { file } = provider.keyFile();
    const privateKey = `data:application/json;base64,${Buffer.from(file).toString("base64")}`;
    const { id } = await create("service-account", { privateKey, subject: "ada@project.example" }, { scopes: ["read", "write"] });
    expect(await works(id)).toBe("OK");
    expect(provider.assertions[0]!.claims).toMatchObject({ sub: "ada@project.example", scope: "read write" });
  });

  test("that the provider has deleted makes the credential INVALID, and accuses no config", async () => {
    const { file, email } = provider.keyFile();
    const { id, config } = await create("service-account", { privateKey: file });
    provider.forget(email);
    await refresh(app, app.adminKey, id);
    expect(await readCredential(app, app.adminKey, id)).toMatchObject({
      status: "INVALID",
      statusReason: expect.stringContaining("does not accept"),
    });
    expect((await readConfig(app, app.adminKey, config.id)).status).toBe("ACTIVE");
    const fresh = provider.keyFile();
    const updated = await mutate(
      app,
      app.adminKey,
      "updateCredential",
      { id, fields: { privateKey: fresh.file } },
      "credential { status }",
    );
    expect(updated.credential, JSON.stringify(updated)).toMatchObject({ status: "ACTIVE" });
  });

  test("that is preset on the config reaches every user of it", async () => {
    const { file, email } = provider.keyFile();
    const { id } = await create("service-account", {}, { presetCredentialFields: { privateKey: file } });
    expect(await works(id)).toBe("OK");
    expect(provider.assertions[0]!.claims.iss).toBe(email);
  });
});

describe("a key whose JWT is itself the token", () => {
  const PAIRS = {
    RS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
    PS256: () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
    ES256: () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
    EdDSA: () => generateKeyPairSync("ed25519").privateKey,
  } satisfies Record<string, () => KeyObject>;

  test.each(Object.entries(PAIRS))("signs with %s, and is minted anew when its lifetime is over", async (algorithm, generate) => {
    const key = generate();
    const issuerId = `issuer-${algorithm}`;
    provider.register(issuerId, key, algorithm);
    const type = algorithm === "ES256" ? "sec1" : algorithm === "RS256" ? "pkcs1" : "pkcs8";
    const pem = String(key.export({ type: type as "pkcs8", format: "pem" }));
    // As it comes out of an environment variable.
    const privateKey = algorithm === "PS256" ? pem.trim().replaceAll("\n", "\\n") : pem;
    const { id, answer } = await create(algorithm.toLowerCase(), { privateKey, issuerId, keyId: "k1" });
    expect(answer.__typename, JSON.stringify(answer)).toBe("CreateCredentialPayload");
    expect(provider.bearers[0]).toMatchObject({ iss: issuerId, aud: "the-api" });
    expect(provider.bearers[0]!.exp! - provider.bearers[0]!.iat!).toBe(600);
    expect(provider.bearers[0]).not.toHaveProperty("sub");
    const first = await tokenOf(id);
    expect(await tokenOf(id)).toBe(first);
    await clock.pass(550);
    expect(await tokenOf(id)).not.toBe(first);
    expect(await works(id)).toBe("OK");
    expect(provider.assertions).toEqual([]);
  });

  test("signs with a shared secret (HS256)", async () => {
    const secret = "0123456789abcdef0123456789abcdef";
    provider.register("issuer-hs", createSecretKey(Buffer.from(secret)), "HS256");
    const { id } = await create("hs256", { privateKey: secret, issuerId: "issuer-hs" });
    expect(await works(id)).toBe("OK");
  });

  test("is not minted ahead of time: nobody is asked for it, so nothing is gained", async () => {
    const key = PAIRS.EdDSA();
    provider.register("issuer-idle", key, "EdDSA");
    const { id } = await create("eddsa", { privateKey: key.export({ type: "pkcs8", format: "pem" }), issuerId: "issuer-idle" });
    const before = (await readCredential(app, app.adminKey, id))!;
    await clock.pass(3_600);
    await refreshAhead(app.services, AbortSignal.timeout(30_000));
    const after = (await readCredential(app, app.adminKey, id))!;
    expect(after).toMatchObject({
      status: "ACTIVE",
      canRefresh: true,
      accessTokenExpiresAt: before.accessTokenExpiresAt,
      lastRefreshedAt: null,
    });
    expect(await works(id)).toBe("OK");
  });

  const rsa = () => String(PAIRS.RS256().export({ type: "pkcs8", format: "pem" }));
  const locked = () => String(PAIRS.RS256().export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" }));
  test.each([
    ["no key at all", "rs256", () => "hello-this-is-no-key"],
    ["half a key", "rs256", () => rsa().slice(0, 400)],
    ["a key with a passphrase", "rs256", locked],
    ["a key of another kind", "es256", rsa],
    [
      "a short key",
      "rs256",
      () => String(generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export({ type: "pkcs8", format: "pem" })),
    ],
    ["a key file without a key", "service-account", () => '{"type":"service_account","client_email":"a@b.example"}'],
    ["broken JSON", "service-account", () => '{"private_key": "-----BEGIN'],
  ])("is refused with a reason that quotes nothing of it: %s", async (_what, schemeKey, key) => {
    const privateKey = key();
    const fields = schemeKey === "service-account" ? { privateKey } : { privateKey, issuerId: "nobody" };
    const { answer } = await create(schemeKey, fields);
    expect(answer).toMatchObject({ __typename: "TestFailedError", message: expect.stringMatching(/key/) });
    for (const line of privateKey.split("\n").filter((part) => part.length > 8))
      expect(JSON.stringify(answer)).not.toContain(line);
  });
});
