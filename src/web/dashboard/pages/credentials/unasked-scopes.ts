import type { CredentialFullFragment } from "../../../api/gql.ts";

/** What the auth config asks for since this was connected, and the provider was not asked for yet. */
export function unaskedScopes({ scheme, scopes, authConfig }: CredentialFullFragment): string[] {
  // Of those that were typed nobody asks anybody.
  if (scheme !== "OAUTH2") return [];
  return (authConfig.scopes ?? []).filter((scope) => !scopes.requested.includes(scope) && !scopes.granted.includes(scope));
}
