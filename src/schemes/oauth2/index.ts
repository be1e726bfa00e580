/**
 * OAuth 2 by openid-client. Knows nothing of the database: everything comes in as an {@link OAuth2Client} and a `fetch`
 * that is the egress door. Everything that is thrown is a Failure (or the caller's own error out of `onRawAnswer`).
 */
export { applyToken } from "./apply.ts";
export { begin } from "./begin.ts";
export { checkCallback, classifyAuthorizationError } from "./callback.ts";
export { originOf, originsOf } from "./client.ts";
export { clientCredentials } from "./client-credentials.ts";
export { complete, refresh } from "./complete.ts";
export { beginDevice, pollDevice } from "./device.ts";
export { type ClientProof, proveClient, proveClientCredentials, proveDeviceFlow } from "./diagnose-client.ts";
export { compareDiscovery, resourceCheck, scopesCheck } from "./diagnose-discovery.ts";
export { diagnoseRedirect, type RedirectDiagnosis } from "./diagnose-redirect.ts";
export { discover } from "./discover.ts";
export { failure, OAuthFailure } from "./failures.ts";
export { identify } from "./identify.ts";
export { type ProtectedResource, readProtectedResource } from "./protected-resource.ts";
export { QUIRKS } from "./quirks.ts";
export { type Deregistration, deregisterClient, type RegisteredClient, registerClient } from "./register.ts";
export { endsAccount, revocationEndpoint, revoke } from "./revoke.ts";
export type * from "./types.ts";
