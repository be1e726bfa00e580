import { Secret } from "../lib/secret.ts";
import { appInstallation, oauth1, oauth2 } from "../schemes/index.ts";
import type { CallbackCheck, OnRawAnswer } from "../schemes/oauth2/types.ts";
import { proveNamedAccount, refusalByNamed } from "./account-proof.ts";
import { stringParameters } from "./auth-config-view.ts";
import type { RequestWithParties } from "./connection-parties.ts";
import { originsOf } from "./grant-origins.ts";
import type { Redeemed } from "./keep-tokens.ts";
import { appClientFor, type OAuth1Party, type OAuthParty, oauth1ClientFor, oauthClientFor } from "./oauth-client.ts";
import type { Services } from "./services.ts";

/** What an opening seals: it never leaves the vault but to redeem the code. */
export interface FlowSecrets {
  state: string;
  nonce: string;
  codeVerifier: string;
  scopes: string[];
  /** OAuth 1.0a: what this very browser was sent away with. */
  temporary?: { token: string; tokenSecret: string };
}

/** How a scheme sends a browser to its provider and takes it back. Everything but `redirectUri` throws Failure. */
export interface RedirectFlow {
  redirectUri: string;
  /** Where the browser goes, and what is to be remembered of it. */
  begin(minted: FlowSecrets): Promise<{ url: string; secrets: FlowSecrets }>;
  /** What came back, before anything is consumed. `secrets`: null where the opening has been forgotten. */
  check(parameters: URLSearchParams, secrets: () => Promise<FlowSecrets | null>): Promise<CallbackCheck>;
  redeem(answer: { parameters: URLSearchParams; secrets: FlowSecrets; onRawAnswer: OnRawAnswer }): Promise<Redeemed>;
}

/** `redirectUri`: the one that the browser was sent away with; absent: the present one. */
export async function redirectFlow(
  services: Services,
  { request, authConfig }: RequestWithParties,
  redirectUri?: string,
): Promise<RedirectFlow> {
  const parameters = stringParameters(authConfig);
  if (authConfig.schemeType === "OAUTH1") {
    return oauth1Flow(services, await oauth1ClientFor(services, authConfig, request.parameters), parameters, redirectUri);
  }
  if (authConfig.schemeType === "APP_INSTALLATION") {
    return installationFlow(services, await appClientFor(services, authConfig, request.parameters), parameters, redirectUri);
  }
  return oauth2Flow(services, await oauthClientFor(services, authConfig, request.parameters), parameters, redirectUri);
}

function oauth2Flow(
  { egress: { fetch } }: Services,
  party: OAuthParty,
  parameters: Record<string, string>,
  redirectUri = party.client.redirectUri,
): RedirectFlow {
  const client = { ...party.client, redirectUri };
  return {
    redirectUri,
    async begin(secrets) {
      const { url } = await oauth2.begin({ client, ...secrets, parameters, fetch });
      return { url, secrets };
    },
    check: async (answer) => oauth2.checkCallback(client, answer),
    async redeem({ parameters: answer, secrets, onRawAnswer }) {
      const redeeming = oauth2.complete({ client, parameters: answer, ...secrets, fetch, onRawAnswer });
      const tokens = await redeeming.catch((error: unknown) => Promise.reject(refusalByNamed(client, error)));
      const later = { ...client, values: { ...client.values, ...tokens.discovered } };
      return {
        obtained: {
          tokens,
          account: null,
          // What is the app's own is asked for anew.
          canRefresh: tokens.refreshToken !== null || client.scheme.consentAnswer !== undefined,
          ...originsOf(client, party.api, tokens),
        },
        async identify() {
          await proveNamedAccount(later, party.api, tokens, fetch);
          return oauth2.identify({ client: later, tokens, fetch });
        },
      };
    },
  };
}

function oauth1Flow(
  { egress: { fetch } }: Services,
  { client, api }: OAuth1Party,
  parameters: Record<string, string>,
  redirectUri = client.redirectUri,
): RedirectFlow {
  return {
    redirectUri,
    async begin(secrets) {
      // The provider appends to the callback what it has to say: our state comes back with it, as in OAuth 2.
      const callback = `${redirectUri}?state=${secrets.state}`;
      const { url, temporary } = await oauth1.begin({ client, callback, parameters, scopes: secrets.scopes, fetch });
      const { token, tokenSecret } = temporary;
      return { url, secrets: { ...secrets, temporary: { token, tokenSecret: tokenSecret.reveal() } } };
    },
    async check(answer, secrets) {
      return oauth1.checkCallback(answer, temporaryOf(await secrets()));
    },
    async redeem({ parameters: answer, secrets, onRawAnswer }) {
      const temporary = temporaryOf(secrets);
      const { scopes } = secrets;
      const tokens = await oauth1.complete({ client, parameters: answer, temporary, scopes, fetch, onRawAnswer });
      const origins = oauth1.originsOf(client, api, tokens);
      return {
        // What OAuth 1.0a gives does not run out, and is never renewed.
        obtained: { tokens, account: null, canRefresh: false, ...origins, revocationOrigin: null },
        identify: () => oauth1.identify({ client, tokens, fetch }),
      };
    },
  };
}

function installationFlow(
  { egress: { fetch } }: Services,
  { client, api }: Awaited<ReturnType<typeof appClientFor>>,
  parameters: Record<string, string>,
  redirectUri = client.redirectUri,
): RedirectFlow {
  return {
    redirectUri,
    begin: async (secrets) => ({ url: appInstallation.begin(client, secrets.state, parameters), secrets }),
    check: async (answer) => appInstallation.checkCallback(client, answer),
    async redeem({ parameters: answer, onRawAnswer }) {
      const tokens = await appInstallation.complete({ client, parameters: answer, fetch, onRawAnswer });
      const installed = { ...client, values: { ...client.values, ...tokens.discovered } };
      const tokenOrigin = oauth2.originOf(installed, client.scheme.tokenUrl);
      const apiOrigin = api ? oauth2.originOf(installed, api.baseUrl) : null;
      const origins = { clientId: client.clientId, tokenOrigin, apiOrigin, revocationOrigin: null };
      return {
        // Newer ones are had with the app's own key.
        obtained: { tokens, account: null, canRefresh: true, ...origins },
        identify: () => appInstallation.identify({ client: installed, fetch }),
      };
    },
  };
}

function temporaryOf(secrets: FlowSecrets | null): oauth1.TemporaryCredentials {
  if (!secrets?.temporary) throw oauth2.failure("STATE_MISMATCH");
  const { token, tokenSecret } = secrets.temporary;
  return { token, tokenSecret: new Secret(tokenSecret) };
}
