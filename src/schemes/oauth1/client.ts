import type { ApiDefinition, ConnectionValues, OAuth1SchemeDefinition } from "../../catalogue/types.ts";
import type { Failure } from "../../lib/failure.ts";
import { Secret } from "../../lib/secret.ts";
import { endpoint, expandAll, originOf } from "../oauth2/client.ts";
import { DEFAULT_TIMEOUT_MS } from "../oauth2/exchange.ts";
import { failure, networkFailure, providerFailure, retryAfterSeconds } from "../oauth2/failures.ts";
import { askUserinfo, identityFrom } from "../oauth2/identify.ts";
import { discover } from "../oauth2/token-set.ts";
import type { CallbackCheck, CallOptions, OnRawAnswer, ProviderIdentity, TokenSet } from "../oauth2/types.ts";
import { secretsOf, withoutSecrets } from "../oauth2/without-secrets.ts";
import { meaningOf, problemIn } from "./problems.ts";
import { authorize, type Parameters } from "./signature.ts";

const MAX_BYTES = 1_048_576;

/** One OAuth 1.0a client at one provider for one connection. */
export interface OAuth1Client {
  scheme: OAuth1SchemeDefinition;
  values: ConnectionValues;
  clientId: string;
  clientSecret: Secret | null;
}

/** Of one authorization, until it is exchanged (RFC 5849 section 2). */
export interface TemporaryCredentials {
  token: string;
  tokenSecret: Secret;
}

export interface BeginInput extends CallOptions {
  client: OAuth1Client;
  /** For the templates, as {connection.scope}: the RFC knows none. */
  scopes: readonly string[];
  /** Where the provider sends the browser back to, our state in its query. */
  callback: string;
  /** The caller's own additions to the authorization URL. */
  parameters?: Readonly<Record<string, string>>;
}

/** Asks for temporary credentials (RFC 5849 section 2.1) and says where the browser goes with them (section 2.2). Throws a Failure. */
export async function begin(input: BeginInput): Promise<{ url: string; temporary: TemporaryCredentials }> {
  const { callback } = input;
  const { scheme, values } = input.client;
  const client = { ...input.client, values: { scope: input.scopes.join(scheme.scopeSeparator ?? " "), ...values } };
  const form = new URLSearchParams(expandAll(client, scheme.requestTokenParameters));
  const answer = await ask({ ...input, client }, scheme.requestTokenUrl, { form, more: [["oauth_callback", callback]] });
  // Section 2.1: without it the provider speaks 1.0, where an authorization can be fixed to somebody else's session.
  if (answer.get("oauth_callback_confirmed") !== "true") {
    throw failure("MALFORMED_RESPONSE", { message: "The provider did not confirm the callback, which OAuth 1.0a prescribes." });
  }
  const temporary = credentialsIn(answer);
  const url = new URL(endpoint(client, scheme.authorizationUrl));
  const parameters = { ...expandAll(client, scheme.authorizationParameters), ...input.parameters };
  for (const [name, value] of Object.entries(parameters)) if (!name.startsWith("oauth_")) url.searchParams.set(name, value);
  url.searchParams.set("oauth_token", temporary.token);
  return { url: url.href, temporary };
}

/**
 * Looks at what came to the callback: it must be about the very temporary credentials that this browser was sent away with. A refusal
 * has no form in the RFC; both that are in use are known. Throws a Failure for anything but a verifier or a refusal.
 */
export function checkCallback(parameters: URLSearchParams, temporary: TemporaryCredentials): CallbackCheck {
  for (const name of ["oauth_token", "oauth_verifier", "denied"]) {
    if (parameters.getAll(name).length > 1) throw malformed(`The answer has “${name}” more than once.`);
  }
  const denied = parameters.get("denied");
  const problem = parameters.get("oauth_problem");
  // Some leave the token out where the user said no.
  const token = parameters.get("oauth_token") ?? (problem === null ? denied : temporary.token);
  if (token !== temporary.token || (denied !== null && denied !== temporary.token)) throw failure("STATE_MISMATCH");
  if (denied !== null) return { outcome: "DENIED", providerMessage: null };
  if (problem !== null) {
    const meaning = meaningOf(problem);
    if (meaning === "DENIED") return { outcome: "DENIED", providerMessage: null };
    throw providerFailure(meaning, { code: problem, description: parameters.get("oauth_problem_advice"), status: null });
  }
  if (!parameters.get("oauth_verifier")) throw malformed("The provider's answer has neither a verifier nor a refusal.");
  return { outcome: "CODE" };
}

export interface CompleteInput extends CallOptions {
  client: OAuth1Client;
  /** As they came to the callback, checked. */
  parameters: URLSearchParams;
  temporary: TemporaryCredentials;
  scopes: readonly string[];
  onRawAnswer: OnRawAnswer;
}

/** Exchanges the temporary credentials and the verifier for the user's token (RFC 5849 section 2.3), which does not run out. Throws a Failure. */
export async function complete(input: CompleteInput): Promise<TokenSet> {
  const { client, parameters, temporary } = input;
  if (checkCallback(parameters, temporary).outcome !== "CODE") throw failure("INVALID_GRANT");
  const fromCallback = discover(client.scheme, "callback", (name) => parameters.get(name));
  const answer = await ask(input, client.scheme.accessTokenUrl, {
    token: temporary,
    more: [["oauth_verifier", parameters.get("oauth_verifier") ?? ""]],
    onRawAnswer: input.onRawAnswer,
  });
  const { token, tokenSecret } = credentialsIn(answer);
  return {
    accessToken: new Secret(token),
    tokenSecret,
    tokenType: "OAuth",
    refreshToken: null,
    expiresInSeconds: null,
    idTokenClaims: null,
    grantedScopes: [...input.scopes],
    discovered: { ...fromCallback, ...discover(client.scheme, "tokenAnswer", (name) => answer.get(name)) },
    answer: new Secret(JSON.stringify(Object.fromEntries(answer))),
  };
}

/** Whose account it is: from the token's answer, from a signed call, or not told. Throws a Failure where it could not be asked now. */
export async function identify(
  input: CallOptions & { client: OAuth1Client; tokens: TokenSet },
): Promise<ProviderIdentity | null> {
  const { client, tokens } = input;
  const { account, userinfoUrl } = client.scheme;
  const values = { ...client.values, ...tokens.discovered };
  switch (account?.source) {
    case "tokenAnswer":
      return identityFrom(account, JSON.parse(tokens.answer.reveal()));
    case "connection":
      return identityFrom(account, values);
    case "userinfo": {
      if (!userinfoUrl) return null;
      const credentials = { ...client, token: tokens.accessToken.reveal(), tokenSecret: tokens.tokenSecret ?? null };
      const answer = await askUserinfo({
        ...input,
        account,
        url: endpoint({ ...client, values }, userinfoUrl),
        apply: (request) => ({
          headers: { authorization: authorize(request, client.scheme.signatureMethod, credentials) },
          query: {},
        }),
      });
      return answer && identityFrom(account, answer);
    }
    default:
      return null;
  }
}

/** Where the token came from and where it may go. Throws a Failure. */
export function originsOf(
  client: OAuth1Client,
  api: ApiDefinition | undefined,
  tokens: TokenSet,
): { clientId: string; tokenOrigin: string; apiOrigin: string | null } {
  const whole = { ...client, values: { ...client.values, ...tokens.discovered } };
  const tokenOrigin = originOf(whole, client.scheme.accessTokenUrl);
  return { clientId: client.clientId, tokenOrigin, apiOrigin: api ? originOf(whole, api.baseUrl) : null };
}

interface Ask {
  form?: URLSearchParams;
  token?: TemporaryCredentials;
  more: Parameters;
  onRawAnswer?: OnRawAnswer;
}

/** A signed POST whose answer is a form (RFC 5849 sections 2.1 and 2.3). */
async function ask(
  { client, fetch, timeoutMs = DEFAULT_TIMEOUT_MS }: CallOptions & { client: OAuth1Client },
  template: string,
  { form = new URLSearchParams(), token, more, onRawAnswer }: Ask,
): Promise<URLSearchParams> {
  const url = endpoint(client, template);
  const credentials = { ...client, token: token?.token ?? null, tokenSecret: token?.tokenSecret ?? null };
  const headers = {
    accept: "application/x-www-form-urlencoded, */*;q=0.5",
    "content-type": "application/x-www-form-urlencoded",
    "user-agent": "Moorline",
    authorization: authorize({ method: "POST", url, form }, client.scheme.signatureMethod, credentials, { more }),
  };
  const init = { method: "POST", headers, body: form.toString(), redirect: "manual", timeoutMs, maxBytes: MAX_BYTES } as const;
  let response: Response;
  let text: string;
  try {
    response = await fetch(url, init);
    text = await response.text();
  } catch (error) {
    throw networkFailure(error);
  }
  await onRawAnswer?.(new Secret(text), response.status);
  if (!response.ok) throw refusal(response, text, token !== undefined, secretsOf(init));
  return new URLSearchParams(text.trim());
}

/** What a refused request means: the RFC has no error codes, so the extension that many speak, then the status, then the words. */
function refusal(response: Response, text: string, withToken: boolean, secrets: readonly string[]): Failure {
  const { status, headers } = response;
  const said = problemIn(headers.get("www-authenticate"), text);
  const wait = retryAfterSeconds(headers);
  const [code, description] = [said.code, said.advice].map((words) => withoutSecrets(words, secrets)) as [
    string | null,
    string | null,
  ];
  const common = { code, description, status, retryAfterSeconds: wait };
  if (status >= 500 || status === 429) return providerFailure(null, common);
  const meaning = said.code === null ? null : meaningOf(said.code);
  if (meaning !== null) return providerFailure(meaning === "DENIED" ? "INVALID_GRANT" : meaning, common);
  if (!withToken && /call ?back/i.test(text)) return providerFailure("REDIRECT_URI_MISMATCH", common);
  // The client alone signs the first request; the second one is about a verifier that may have been used or run out.
  if (status === 401) return providerFailure(withToken ? "INVALID_GRANT" : "INVALID_CLIENT", common);
  return providerFailure(null, common);
}

function credentialsIn(answer: URLSearchParams): TemporaryCredentials {
  const token = answer.get("oauth_token");
  const tokenSecret = answer.get("oauth_token_secret");
  if (!token || tokenSecret === null)
    throw malformed("The provider's answer has no token, or not the form that OAuth 1.0a prescribes.");
  return { token, tokenSecret: new Secret(tokenSecret) };
}

function malformed(message: string): Failure {
  return failure("MALFORMED_RESPONSE", { message });
}
