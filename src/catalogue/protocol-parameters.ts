/**
 * What the protocol itself sets, in the authorization request or at the token endpoint (RFC 6749, 7521, 7636, 9101). Nobody's extra
 * parameter, a connector's, a config's or a caller's, may stand in for one: it could switch a protection off.
 */
export const PROTOCOL_PARAMETERS: ReadonlySet<string> = new Set([
  "client_id",
  "client_secret",
  "client_assertion",
  "client_assertion_type",
  "redirect_uri",
  "response_type",
  "scope",
  "state",
  "nonce",
  "code",
  "code_challenge",
  "code_challenge_method",
  "code_verifier",
  "grant_type",
  "refresh_token",
  "request",
  "request_uri",
]);
