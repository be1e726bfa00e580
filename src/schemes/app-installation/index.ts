/**
 * Apps that are installed at the provider (GitHub's, and whoever does it like them): the app's own JWT is exchanged for tokens of one
 * installation. Knows nothing of the database. Everything thrown is a Failure, or what `onRawAnswer` threw.
 *
 * The callback names the installation by a plain number, and anybody can write another one there. That a token can be had for it proves
 * that it is an installation of this app, and nothing of who came back: it may be another customer's. So whoever installs the app
 * authorizes it in the same go (RFC 6749 section 4.1); the code that comes along is exchanged for a token of that person, and the provider
 * is asked with it whether the installation is theirs to use. What remains: it is enough for the provider that they may use a part of it,
 * while the installation's token reaches all of it.
 */
import { Failure } from "../../lib/failure.ts";
import { Secret } from "../../lib/secret.ts";
import { endpoint } from "../oauth2/client.ts";
import { failure, providerFailure, retryAfterSeconds } from "../oauth2/failures.ts";
import { askUserinfo, identityFrom } from "../oauth2/identify.ts";
import { discover } from "../oauth2/token-set.ts";
import type { CallbackCheck, CallOptions, OnRawAnswer, ProviderIdentity, TokenSet } from "../oauth2/types.ts";
import { type AppClient, bearer, get, installationToken, signAsApp } from "./calls.ts";
import { personBehind } from "./person.ts";

export type { AppClient } from "./calls.ts";

/** The page where the app is installed. */
export function begin(client: AppClient, state: string, parameters: Readonly<Record<string, string>>): string {
  const url = new URL(endpoint(client, client.scheme.authorizationUrl));
  for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value);
  url.searchParams.set("state", state);
  return url.href;
}

/** What came to the callback, before anything is consumed. Throws a Failure for anything but an installation with a code, or a refusal. */
export function checkCallback({ scheme }: AppClient, parameters: URLSearchParams): CallbackCheck {
  const named = (scheme.discovered ?? []).filter(({ from }) => from === "callback").map(({ path }) => path);
  for (const name of ["code", "state", "error", ...named]) {
    if (parameters.getAll(name).length > 1)
      throw failure("MALFORMED_RESPONSE", { message: `The answer has “${name}” more than once.` });
  }
  const error = parameters.get("error");
  if (error === "access_denied") return { outcome: "DENIED", providerMessage: null };
  if (error !== null)
    throw providerFailure(null, { code: error, description: parameters.get("error_description"), status: null });
  if (named.some((name) => !parameters.get(name))) {
    throw failure("ADMIN_CONSENT_REQUIRED", {
      message: "The app is not installed yet: somebody who may install it has to approve it first.",
      remedy: "Have the app's installation approved at the provider, then connect again.",
    });
  }
  discover(scheme, "callback", (name) => parameters.get(name));
  if (parameters.get("code")) return { outcome: "CODE" };
  throw failure("CONFIG_CHANGED", {
    message: "The provider did not say who installed the app.",
    remedy: "In the app's settings at the provider, have users authorize the app while they install it; then connect again.",
  });
}

export interface CompleteInput extends CallOptions {
  client: AppClient;
  /** As they came to the callback, checked. */
  parameters: URLSearchParams;
  onRawAnswer: OnRawAnswer;
}

/** Tokens of the installation that came back, once it is known to be the person's own. */
export async function complete(input: CompleteInput): Promise<TokenSet> {
  const { parameters } = input;
  if (checkCallback(input.client, parameters).outcome !== "CODE") throw failure("INVALID_GRANT");
  const discovered = discover(input.client.scheme, "callback", (name) => parameters.get(name));
  const client = { ...input.client, values: { ...input.client.values, ...discovered } };
  await assertTheirs(input, client, await personBehind({ ...input, client }, parameters.get("code")!));
  return { ...(await obtain({ ...input, client })), discovered };
}

async function assertTheirs(options: CallOptions, client: AppClient, person: Secret): Promise<void> {
  const { response } = await get(options, endpoint(client, client.scheme.userCheckUrl), person);
  if (response.ok) return;
  const { status, headers } = response;
  if (status === 429 || status >= 500 || headers.has("retry-after"))
    throw providerFailure(null, { code: null, description: null, status, retryAfterSeconds: retryAfterSeconds(headers) });
  throw new Failure({
    code: "ACCOUNT_MISMATCH",
    message: "The installation that came back is not one that you may use.",
    remedy: "Start again, and install the app with an account of yours.",
    retryable: false,
    providerStatus: status,
  });
}

/** A token of the installation that `client.values` name. The private key alone is needed: newer ones are obtained in the same way. */
export async function obtain(
  input: CallOptions & { client: AppClient; onRawAnswer?: OnRawAnswer; assertOrigin?(origin: string): void },
): Promise<TokenSet> {
  const { client, onRawAnswer } = input;
  const url = endpoint(client, client.scheme.tokenUrl);
  input.assertOrigin?.(new URL(url).origin);
  const { token, expiresInSeconds } = await installationToken(input, client, url, onRawAnswer);
  return {
    accessToken: token,
    tokenType: "Bearer",
    refreshToken: null,
    expiresInSeconds,
    idTokenClaims: null,
    grantedScopes: [],
    discovered: {},
    answer: new Secret("{}"),
  };
}

/** Whose installation it is, as the app is told. Null: the data do not say where to ask, or the provider does not tell. */
export async function identify(input: CallOptions & { client: AppClient }): Promise<ProviderIdentity | null> {
  const { client } = input;
  const { account, userinfoUrl } = client.scheme;
  if (account?.source === "connection") return identityFrom(account, client.values);
  if (!account || !userinfoUrl) return null;
  const headers = bearer(await signAsApp(client));
  const url = endpoint(client, userinfoUrl);
  const answer = await askUserinfo({ ...input, account, url, apply: () => ({ headers, query: {} }) });
  return answer && identityFrom(account, answer);
}
