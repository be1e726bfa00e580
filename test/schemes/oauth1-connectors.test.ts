import { describe, expect, it } from "vitest";
import { loadCatalogue } from "../../src/catalogue/index.ts";
import type { AccountMapping, ConnectorDefinition, OAuth1SchemeDefinition } from "../../src/catalogue/types.ts";
import { Secret } from "../../src/lib/secret.ts";
import { oauth1, SCHEMES, verify } from "../../src/schemes/index.ts";
import { type Reply, type Seen, simulateProvider } from "./support.ts";

interface Entry {
  slug: string;
  connector: ConnectorDefinition;
  scheme: OAuth1SchemeDefinition;
}

const ENTRIES = loadCatalogue({ variables: {} })
  .all()
  .flatMap((connector) =>
    connector.schemes.flatMap((scheme): Entry[] =>
      scheme.type === "OAUTH1" ? [{ slug: connector.slug, connector, scheme }] : [],
    ),
  );

const CALLBACK = "https://moorline.example/oauth/callback/provider?state=s";
const ACCOUNT = { id: "account-1", name: "Ada", email: "ada@example.com", avatarUrl: "https://pictures.example/ada" };

/** An answer that tells of the account where the data look for it. */
function accountAnswer(mapping: AccountMapping | undefined): Record<string, unknown> {
  const answer: Record<string, unknown> = {};
  for (const [key, value] of Object.entries(ACCOUNT)) {
    const [path] = mapping?.[key as keyof typeof ACCOUNT] ?? [];
    const steps = path?.split(".") ?? [];
    let here = answer;
    for (const step of steps.slice(0, -1)) {
      here[step] ??= {};
      here = here[step] as Record<string, unknown>;
    }
    const last = steps.at(-1);
    if (last !== undefined) here[last] = value;
  }
  return answer;
}

/** The provider of one entry: at each of its addresses what is asked for there, and nothing anywhere else. */
function provider({ connector, scheme }: Entry) {
  const form = (parameters: Record<string, string>): Reply => ({
    body: new URLSearchParams(parameters).toString(),
    headers: { "content-type": "text/plain" },
  });
  const { verification, baseUrl } = connector.api ?? {};
  const told = accountAnswer(scheme.account);
  return ({ url, method }: Seen): Reply | undefined => {
    const at = `${method} ${url.origin}${url.pathname}`;
    if (at === `POST ${scheme.requestTokenUrl}`)
      return form({ oauth_token: "temporary", oauth_token_secret: "t1", oauth_callback_confirmed: "true" });
    if (at === `POST ${scheme.accessTokenUrl}`)
      return form({ oauth_token: "lasting", oauth_token_secret: "t2", ...(told as Record<string, string>) });
    if (at === `GET ${scheme.userinfoUrl}`) return { body: told };
    if (verification && `${url.origin}${url.pathname}` === `${baseUrl}${verification.path.split("?")[0]}`)
      return { body: { [verification.expectedBody?.path ?? "ok"]: verification.expectedBody?.equals ?? true } };
    return undefined;
  };
}

const parameterOf = (request: Seen | undefined, name: string) =>
  decodeURIComponent(new RegExp(`${name}="([^"]*)"`).exec(request?.headers.authorization ?? "")?.[1] ?? "");

describe("each OAuth 1.0a entry of the catalogue", () => {
  it("is among these", () => {
    const slugs = ["discogs", "flickr", "garmin", "smugmug", "trello", "tripit", "upwork", "x-oauth1", "xing", "zotero"];
    expect(ENTRIES.map(({ slug }) => slug).toSorted()).toEqual(slugs);
  });

  it.each(ENTRIES)("$slug goes through its whole flow at the addresses of its data", async (entry) => {
    const { connector, scheme } = entry;
    await using at = await simulateProvider(provider(entry));
    const { fetch, seen } = at;
    const scopes = (scheme.scopes ?? []).filter((scope) => scope.default).map(({ name }) => name);
    const client = { scheme, values: {}, clientId: "client-1", clientSecret: new Secret("s3cret") };

    const { url, temporary } = await oauth1.begin({ client, scopes, callback: CALLBACK, fetch });
    expect(parameterOf(seen[0], "oauth_callback")).toBe(CALLBACK);
    expect(parameterOf(seen[0], "oauth_signature_method")).toBe(scheme.signatureMethod);
    expect(seen[0]?.parameters).toEqual(scheme.requestTokenParameters ?? {});
    const scope = scopes.join(scheme.scopeSeparator ?? " ");
    const parameters = Object.entries(scheme.authorizationParameters ?? {}).map(([name, value]) => [
      name,
      value.replace("{connection.scope}", scope),
    ]);
    const opened = new URL(url);
    expect(opened.origin + opened.pathname).toBe(scheme.authorizationUrl);
    expect(Object.fromEntries(opened.searchParams)).toEqual({ ...Object.fromEntries(parameters), oauth_token: "temporary" });

    const answer = new URLSearchParams({ oauth_token: "temporary", oauth_verifier: "v" });
    const onRawAnswer = async () => {};
    const tokens = await oauth1.complete({ client, parameters: answer, temporary, scopes, fetch, onRawAnswer });
    expect([tokens.accessToken.reveal(), tokens.tokenSecret?.reveal()]).toEqual(["lasting", "t2"]);
    expect(parameterOf(seen[1], "oauth_verifier")).toBe("v");

    const account = await oauth1.identify({ client, tokens, fetch });
    const mapped = Object.keys(ACCOUNT).filter((key) => scheme.account?.[key as keyof typeof ACCOUNT]);
    if (!scheme.account) expect(account).toBeNull();
    for (const key of mapped) expect(account).toHaveProperty(key, ACCOUNT[key as keyof typeof ACCOUNT]);

    const { api } = connector;
    const apply = (request: { method: string; url: string; form: null }) =>
      SCHEMES.OAUTH1.apply({ ...client, ...tokens, tokenSecret: tokens.tokenSecret ?? null, api, request });
    const outcome = await verify({ api, scheme, values: {}, clientId: "client-1", apply: apply as never, fetch });
    expect(outcome.code).toBe(api?.verification ? "OK" : "NOT_TESTABLE");
    if (api?.verification) expect(parameterOf(seen.at(-1), "oauth_token")).toBe("lasting");
  });
});
