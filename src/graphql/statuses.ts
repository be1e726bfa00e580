/** Enums that filters and several entities share. */
import type { FailureCode } from "../lib/failure.ts";
import { enumType } from "./builder.ts";

export const ConnectionStatusEnum = enumType(
  "ConnectionStatus",
  "How far a connection request is. Closed: a new value would be a breaking change.",
  {
    PENDING: "Created; nobody has opened it yet.",
    AUTHORIZING: "The user's browser was sent to the provider, or a form is being filled.",
    VERIFYING: "The provider answered; the product is asked who is at the browser.",
    EXCHANGING: "The code is being exchanged.",
    ACTIVE: "Done: the credential is there. Final.",
    FAILED: "It went wrong: see `failure`. Final.",
    DENIED: "The user said no. Final.",
    CANCELED: "It was cancelled here. Final.",
    EXPIRED: "Nobody finished it in time. Final.",
  },
);

export const CredentialStatusEnum = enumType(
  "CredentialStatus",
  "Whether a credential works. Closed: a new value would be a breaking change.",
  {
    ACTIVE: "It works, as far as is known.",
    EXPIRED: "The access token ran out and there is no way to refresh it: the user must connect again.",
    INVALID: "The provider no longer accepts it (revoked, rotated, scopes withdrawn): the user must connect again.",
    DISABLED: "Switched off by choice; enabling shows what it truly is.",
    REVOKED: "Ended here, and at the provider where it has a way. Final.",
  },
);

export const ConnectionFlowEnum = enumType("ConnectionFlow", "How consent is obtained.", {
  AUTHORIZATION_CODE:
    "The browser goes to the provider and comes back with a code (RFC 6749 section 4.1, with PKCE), or as OAuth 1.0a says.",
  DEVICE: "The user types a code on another device (RFC 8628): see `deviceAuthorization`.",
  CLIENT_CREDENTIALS:
    "The config's own client gets tokens of its own (RFC 6749 section 4.4): the request goes on by itself, and ends without anybody's consent.",
});

export const FailureCodeEnum = enumType("FailureCode", "Why a connection request failed. Open: keep a default branch.", {
  INVALID_CLIENT: "The provider refuses the client itself: its id or secret is wrong.",
  REDIRECT_URI_MISMATCH: "The connector's `redirectUri` is not registered at the provider, character for character.",
  INVALID_SCOPE: "The provider does not know a scope that was asked for.",
  SCOPE_NOT_APPROVED: "The provider has not approved the app for a scope that was asked for.",
  ADMIN_CONSENT_REQUIRED: "An administrator at the provider must agree first.",
  APP_SUSPENDED: "The provider has suspended the app.",
  INVALID_GRANT: "The provider no longer accepts the code or refresh token.",
  INVALID_CREDENTIALS: "The provider does not accept what was entered.",
  STATE_MISMATCH: "The answer belongs to no opening of this request.",
  BROWSER_MISMATCH: "Another browser came back than the one that went.",
  USER_MISMATCH: "Another person finished than the one who started.",
  ISSUER_MISMATCH: "The answer came from another issuer (RFC 9207).",
  ACCOUNT_MISMATCH: "Another account was chosen than the credential's.",
  ACCOUNT_ALREADY_CONNECTED: "This account is connected for the user already, and the request was to refuse that.",
  ACCOUNT_UNVERIFIABLE: "The provider does not tell whose account it is, so that it cannot be compared.",
  DEVICE_CODE_EXPIRED: "The user did not type the device code in time.",
  PROVIDER_UNREACHABLE: "The provider could not be reached.",
  PROVIDER_ERROR: "The provider reported an error of its own.",
  RATE_LIMITED: "The provider asked to slow down.",
  MALFORMED_RESPONSE: "The provider's answer could not be understood.",
  CONFIG_CHANGED: "The auth config or connector was changed or switched off meanwhile.",
  INTERNAL: "Something went wrong here.",
} satisfies Record<FailureCode, string>);
