/** OAuth 1.0a (RFC 5849), three-legged. Knows nothing of the database. Everything that is thrown is a Failure. */
import type { OAuth1SchemeDefinition } from "../../catalogue/types.ts";
import { applyToken } from "../oauth2/apply.ts";
import type { SchemeHandler } from "../types.ts";
import { authorize } from "./signature.ts";

export * from "./client.ts";

/** Each call has a signature of its own, so that nothing can be said of it before it is known. */
export const handler: SchemeHandler = {
  name: "OAuth 1.0a",
  redirects: true,
  holdsTokens: true,
  apply({ scheme, api, values, clientId, clientSecret, accessToken, tokenSecret, request }) {
    const shared = applyToken({ own: {}, api, accessToken: null, values, clientId });
    if (!request || !accessToken) return shared;
    const { signatureMethod } = scheme as OAuth1SchemeDefinition;
    const credentials = { clientId: clientId ?? "", clientSecret, token: accessToken.reveal(), tokenSecret };
    return { ...shared, headers: { ...shared.headers, authorization: authorize(request, signatureMethod, credentials) } };
  },
};
