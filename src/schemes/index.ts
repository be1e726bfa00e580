import type { ApplyDefinition, SchemeDefinition } from "../catalogue/types.ts";
import { handler as awsSigV4 } from "./aws-sigv4/index.ts";
import { handler as oauth1 } from "./oauth1/index.ts";
import { applyToken } from "./oauth2/index.ts";
import { apiKey, basic, bearerToken, native, none, oauth1Tokens } from "./static/index.ts";
import { handler as twoStepHandler } from "./two-step/apply.ts";
import type { SchemeHandler } from "./types.ts";

/** Schemes whose access token goes onto a call as RFC 6750 says, unless the connector's data says otherwise. */
function tokens(name: string, redirects: boolean): SchemeHandler {
  return {
    name,
    redirects,
    holdsTokens: true,
    apply: (input) => applyToken({ ...input, own: (input.scheme as { apply?: ApplyDefinition }).apply }),
  };
}

/** One handler for each scheme type that is implemented; the type checker asks for one with every new member of SchemeDefinition. */
export const SCHEMES: Record<SchemeDefinition["type"], SchemeHandler> = {
  OAUTH2: tokens("OAuth 2", true),
  OAUTH2_CLIENT_CREDENTIALS: tokens("OAuth 2 client credentials", false),
  OAUTH1: oauth1,
  OAUTH1_TOKENS: oauth1Tokens,
  API_KEY: apiKey,
  BEARER_TOKEN: bearerToken,
  BASIC: basic,
  SIGNED_JWT: tokens("Signed JWT", false),
  TWO_STEP: twoStepHandler,
  AWS_SIGV4: awsSigV4,
  APP_INSTALLATION: tokens("App installation", true),
  NATIVE: native,
  NONE: none,
};

export * as appInstallation from "./app-installation/index.ts";
export { clientTls } from "./client-certificate.ts";
export * as oauth1 from "./oauth1/index.ts";
export * as oauth2 from "./oauth2/index.ts";
export * as signedJwt from "./signed-jwt/index.ts";
export * as twoStep from "./two-step/index.ts";
export type * from "./types.ts";
export { isTestable, permissionRemedy, verify, verifyAccount } from "./verify.ts";
