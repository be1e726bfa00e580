import type { ApiDefinition } from "../catalogue/types.ts";
import { oauth2 } from "../schemes/index.ts";
import type { TokenClient, TokenSet } from "../schemes/oauth2/types.ts";

/** A grant remembers where its tokens may go: a config that later names another origin does not get them sent there. */
export interface GrantOrigins {
  /** Of the client that obtained the tokens. */
  clientId: string;
  /** Where they came from, or {@link OURSELVES}. */
  tokenOrigin: string;
  /** Where they may go; null: no API is known. */
  apiOrigin: string | null;
  /** Where they may be ended; null: nowhere, or where they come from or go to anyway. */
  revocationOrigin: string | null;
}

/** `tokenOrigin` of a token that is signed here whenever one is needed: nobody is asked for it, so none is fetched ahead of time. */
export const OURSELVES = "self";

/** Throws a Failure. */
export function originsOf(client: TokenClient, api: ApiDefinition | undefined, tokens: TokenSet): GrantOrigins {
  const whole = { ...client, values: { ...client.values, ...tokens.discovered } };
  const origins = oauth2.originsOf(whole, api);
  const revocation = oauth2.revocationEndpoint(whole);
  const revocationOrigin = revocation && new URL(revocation).origin;
  return { clientId: client.clientId, tokenOrigin: origins.token, apiOrigin: origins.api, revocationOrigin };
}
