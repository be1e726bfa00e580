/**
 * OAuth 2 by openid-client. Knows nothing of the database: everything comes in as an {@link OAuth2Client} and a `fetch`
 * that is the egress door. Everything that is thrown is a Failure (or the caller's own error out of `onRawAnswer`).
 */
export { apply } from "./apply.ts";
export { begin } from "./begin.ts";
export { checkCallback, classifyAuthorizationError } from "./callback.ts";
export { originsOf } from "./client.ts";
export { complete, refresh } from "./complete.ts";
export { discover } from "./discover.ts";
export { failure, OAuthFailure } from "./failures.ts";
export { identify } from "./identify.ts";
export { QUIRKS } from "./quirks.ts";
export { revoke } from "./revoke.ts";
export type * from "./types.ts";
