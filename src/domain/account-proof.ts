import { variablesOf } from "../catalogue/templates.ts";
import type { ApiDefinition } from "../catalogue/types.ts";
import { Failure, type FailureDetails } from "../lib/failure.ts";
import { oauth2, permissionRemedy, verifyAccount } from "../schemes/index.ts";
import type { Fetch, OAuth2Client, TokenSet } from "../schemes/oauth2/types.ts";

/**
 * Where the account is known from the callback alone, whoever is at the browser could name another one there. Where the connector's
 * harmless call names it too, the provider decides: it answers for an account that the token reaches. Throws Failure ACCOUNT_MISMATCH
 * where it does not, SCOPE_NOT_APPROVED where it may be for want of a permission, PROVIDER_ERROR where it could not be asked.
 */
export async function proveNamedAccount(
  client: OAuth2Client,
  api: ApiDefinition | undefined,
  { accessToken }: TokenSet,
  fetch: Fetch,
): Promise<void> {
  const named = namesFromCallback(client);
  if (!api?.verification || !isIn((api.verification.baseUrl ?? api.baseUrl) + api.verification.path, named)) return;
  const { scheme, values, clientId } = client;
  const apply = () => oauth2.applyToken({ own: scheme.apply, api, accessToken, values, clientId });
  const { outcome } = await verifyAccount({ api, scheme, apply, values, clientId, fetch });
  if (outcome.ok) return;
  // The account's own token endpoint gave it: then it reaches the account, and lacks the scope for this one call.
  if (outcome.code === "PERMISSION_DENIED" && isIn(scheme.tokenUrl, named)) return;
  const remedy = permissionRemedy({ api, scheme });
  // Some providers answer alike to a token that lacks a permission and to one of another account's.
  if (["INVALID_CREDENTIALS", "PERMISSION_DENIED"].includes(outcome.code) && remedy !== null) throw notAllowed(remedy);
  if (["INVALID_CREDENTIALS", "PERMISSION_DENIED", "RESOURCE_NOT_FOUND"].includes(outcome.code)) throw notReached();
  throw new Failure({
    code: "PROVIDER_ERROR",
    message: `Whether the account is the one that was named could not be asked. ${outcome.message}`,
    remedy: "Try again in a moment.",
    retryable: true,
    providerCode: null,
    providerMessage: null,
  });
}

/**
 * A token endpoint that the callback chose may be any other account's. That it refuses the client accuses the name, and not the client:
 * whoever is at the browser could put an auth config into ERROR otherwise. Anything else stays what it is.
 */
export function refusalByNamed(client: OAuth2Client, error: unknown): unknown {
  const isRefusal = error instanceof Failure && error.details.code === "INVALID_CLIENT";
  if (!isRefusal || !isIn(client.scheme.tokenUrl, namesFromCallback(client))) return error;
  return notReached(error.details);
}

/** What the account is known by, as far as the callback alone says it. */
function namesFromCallback({ scheme: { account, discovered = [] } }: OAuth2Client): string[] {
  if (account?.source !== "connection") return [];
  return discovered.filter(({ from, name }) => from === "callback" && account.id.includes(name)).map(({ name }) => name);
}

function isIn(template: string, names: readonly string[]): boolean {
  const variables = variablesOf(template);
  return names.some((name) => variables.includes(`connection.${name}`));
}

function notAllowed(remedy: string): Failure {
  return new Failure({
    code: "SCOPE_NOT_APPROVED",
    message:
      "The provider refused to say whose account it is: the app lacks the permission for that, or the browser came back naming an account that the provider does not give access to.",
    remedy,
    retryable: true,
    providerCode: null,
    providerMessage: null,
  });
}

function notReached(said?: FailureDetails): Failure {
  return new Failure({
    code: "ACCOUNT_MISMATCH",
    message: "The browser came back naming an account that the provider does not give access to.",
    remedy: "Connect again from the beginning, and choose the account at the provider.",
    retryable: true,
    providerCode: said?.providerCode ?? null,
    providerMessage: said?.providerMessage ?? null,
  });
}
