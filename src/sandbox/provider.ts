import type { EventEmitter } from "node:events";
import type { Configuration, KoaContextWithOIDC, Provider as OidcProvider } from "oidc-provider";
import type { Logger } from "../lib/log.ts";
import { findAccount } from "./accounts.ts";
import { interactionPolicy, Provider } from "./oidc.ts";
import { deviceCodePage, deviceConfirmPage, errorPage, messagePage, PAGE_HEADERS } from "./pages.ts";
import { type Store, switchesFor } from "./store.ts";

/** What a client may ask for, each with the words of the consent page. */
export const SCOPES: Record<string, string> = {
  openid: "Know who you are",
  profile: "See your name and picture",
  email: "See your e-mail address",
  offline_access: "Keep access while you are away",
  "notes:read": "Read your notes",
  "notes:write": "Write notes for you",
};

export const GRANT_TYPES = [
  "authorization_code",
  "refresh_token",
  "client_credentials",
  "urn:ietf:params:oauth:grant-type:device_code",
];

const TEN_YEARS = 10 * 365 * 86_400;

/** The issuer that the switch `wrongIssuer` sends. */
export const SOMEBODY_ELSES_ISSUER = "https://issuer.somebody-else.example";

export function createProvider(issuer: string, store: Store, log?: Logger): OidcProvider {
  const provider = new Provider(issuer, configuration(store));
  provider.on("server_error", (_ctx, error: Error) => log?.error({ err: error }, "The sandbox provider failed."));
  // Koa, underneath, would print to standard error where nobody listens.
  (provider as EventEmitter).on("error", (error: Error) => log?.error({ err: error }, "The sandbox provider failed."));
  misnameIssuer(provider, store);
  return provider;
}

function configuration(store: Store): Configuration {
  const of = (clientId?: string, grantId?: string) => switchesFor(store, clientId, grantId);
  return {
    adapter: (model: string) => store.adapter(model),
    jwks: store.keys.jwks,
    cookies: {
      keys: store.keys.cookieKeys,
      // Cookies ignore ports: these names must not meet those of the product on the same loopback address.
      names: { session: "sandbox_session", interaction: "sandbox_interaction", resume: "sandbox_resume" },
    },
    scopes: Object.keys(SCOPES),
    claims: { openid: ["sub"], profile: ["name", "picture"], email: ["email", "email_verified"] },
    conformIdTokenClaims: false,
    responseTypes: ["code"],
    clientAuthMethods: ["client_secret_basic", "client_secret_post", "private_key_jwt", "none"],
    clientDefaults: { grant_types: ["authorization_code", "refresh_token"] },
    clientBasedCORS: () => false,
    allowOmittingSingleRegisteredRedirectUri: false,
    clockTolerance: 0,
    pkce: { required: (_ctx, client) => client.clientAuthMethod === "none" },
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: false },
      resourceIndicators: { enabled: false },
      rpInitiatedLogout: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: {
        enabled: true,
        allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId,
      },
      revocation: { enabled: true, allowedPolicy: (_ctx, client, token) => token.clientId === client.clientId },
      registration: { enabled: true },
      registrationManagement: { enabled: true },
      pushedAuthorizationRequests: { enabled: true },
      deviceFlow: {
        enabled: true,
        userCodeInputSource: async (ctx, form, _out, error) => show(ctx, deviceCodePage(form, Boolean(error))),
        userCodeConfirmSource: async (ctx, form, client, _info, userCode) =>
          show(ctx, deviceConfirmPage(form, client.clientName ?? client.clientId, userCode)),
        successSource: async (ctx) => show(ctx, messagePage("Done", "The device is connected. You can close this page.")),
      },
    },
    ttl: {
      AccessToken: (_ctx, token) => of(token.clientId, token.grantId).accessTokenTtlSeconds ?? 3600,
      ClientCredentials: (_ctx, token) => of(token.clientId).accessTokenTtlSeconds ?? 3600,
      RefreshToken: (_ctx, token) => of(token.clientId, token.grantId).refreshTokenTtlSeconds ?? 30 * 86_400,
      AuthorizationCode: 600,
      DeviceCode: 600,
      Grant: TEN_YEARS,
      IdToken: 3600,
      Interaction: 3600,
      Session: 12 * 3600,
    },
    // Tokens outlive the browser's visit, as at nearly every provider.
    expiresWithSession: () => false,
    issueRefreshToken: (_ctx, client, source) =>
      client.grantTypeAllowed("refresh_token") &&
      source.scopes.has("offline_access") &&
      !of(client.clientId, source.grantId).noRefreshToken,
    rotateRefreshToken(ctx) {
      const token = ctx.oidc.entities.RefreshToken;
      const switches = of(token?.clientId, token?.grantId);
      return switches.rotation !== "none" && !switches.refreshOmitsRefreshToken;
    },
    // Each authorization is a grant of its own: ending one leaves the person's other connections alone.
    async loadExistingGrant(ctx) {
      const silent = ctx.oidc.prompts.has("none") && ctx.oidc.session?.grantIdFor(ctx.oidc.client?.clientId ?? "");
      const grantId = ctx.oidc.result?.consent?.grantId ?? (silent || undefined);
      return grantId ? ctx.oidc.provider.Grant.find(grantId) : undefined;
    },
    findAccount: (ctx, id) => {
      const account = findAccount(id);
      if (!account) return undefined;
      const picture = `${ctx.oidc.issuer}/people/${encodeURIComponent(id)}.svg`;
      return {
        accountId: id,
        claims: async () => ({ sub: id, name: account.name, email: account.email, email_verified: true, picture }),
      };
    },
    interactions: { policy: alwaysAskWho(), url: (_ctx, interaction) => `/interaction/${interaction.uid}` },
    renderError: async (ctx, out) => show(ctx, errorPage(out.error, out.error_description)),
  };
}

/** Every authorization shows the choice of people, even to a browser that is signed in (not with prompt=none). */
function alwaysAskWho() {
  const policy = interactionPolicy.base();
  const check = new interactionPolicy.Check("choose_account", "choose who signs in", "login_required", (ctx) => {
    if (ctx.oidc.result?.login || ctx.oidc.prompts.has("none")) return interactionPolicy.Check.NO_NEED_TO_PROMPT;
    return interactionPolicy.Check.REQUEST_PROMPT;
  });
  policy.get("login")?.checks.add(check);
  return policy;
}

/** The switches `wrongIssuer` and `noIssuer` (RFC 9207): successes in every response mode, errors in a redirect's query. */
function misnameIssuer(provider: OidcProvider, store: Store): void {
  const change = (ctx: KoaContextWithOIDC) => {
    const { entities, client } = ctx.oidc;
    const uid = entities.Interaction?.uid;
    const { wrongIssuer, noIssuer } = {
      ...switchesFor(store, client?.clientId, entities.Grant?.jti),
      ...store.interactionSwitches.get(uid ?? ""),
    };
    return { wrongIssuer, noIssuer };
  };
  provider.on("authorization.success", (ctx, out: Record<string, unknown> = {}) => {
    const { wrongIssuer, noIssuer } = change(ctx);
    if (wrongIssuer) out.iss = SOMEBODY_ELSES_ISSUER;
    if (noIssuer) delete out.iss;
  });
  provider.use(async (ctx, next) => {
    await next();
    const location = URL.parse(ctx.response.get("location"));
    if (!location?.searchParams.has("error") || !location.searchParams.has("iss")) return;
    const { wrongIssuer, noIssuer } = change(ctx as KoaContextWithOIDC);
    if (wrongIssuer) location.searchParams.set("iss", SOMEBODY_ELSES_ISSUER);
    if (noIssuer) location.searchParams.delete("iss");
    if (wrongIssuer || noIssuer) ctx.set("location", location.href);
  });
}

function show(ctx: KoaContextWithOIDC, html: string): void {
  ctx.set(PAGE_HEADERS);
  ctx.body = html;
}
