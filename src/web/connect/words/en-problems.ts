import type { Words } from "./words.ts";

const AGAIN_LATER = "Try again in a few minutes. If it stays like this, contact support.";
const NOT_YOURS = "You can’t mend this yourself: tell support, with the details below.";

export const failures: Words["failures"] = {
  INVALID_CLIENT: { title: "The provider does not accept this product’s registration", remedy: NOT_YOURS },
  REDIRECT_URI_MISMATCH: { title: "The provider does not know the address to come back to", remedy: NOT_YOURS },
  INVALID_SCOPE: { title: "The provider does not offer one of the permissions that were asked for", remedy: NOT_YOURS },
  SCOPE_NOT_APPROVED: {
    title: "A permission that is needed was not given",
    remedy: "Try again and leave every permission ticked. If the provider does not offer them, contact support.",
  },
  ADMIN_CONSENT_REQUIRED: {
    title: "An administrator has to allow this first",
    remedy: "Ask an administrator of your organization at the provider to approve it, then try again.",
  },
  APP_SUSPENDED: { title: "The provider has suspended this product’s registration", remedy: NOT_YOURS },
  INVALID_GRANT: {
    title: "The provider’s answer was no longer good",
    remedy: "That happens when a page is open for long, or is sent twice. Try again and go through without a pause.",
  },
  INVALID_CREDENTIALS: {
    title: "The provider does not accept these details",
    remedy: "Check them for typing errors and whether they are still good, then try again.",
  },
  STATE_MISMATCH: {
    title: "The answer belongs to another attempt",
    remedy: "Try again, and finish in the window that opens then.",
  },
  BROWSER_MISMATCH: {
    title: "It was finished in another browser",
    remedy: "Try again, and stay in one browser from beginning to end. Cookies have to be allowed.",
  },
  USER_MISMATCH: {
    title: "Somebody else is signed in",
    remedy: "This was meant for another user. Sign in as the right one, then start again there.",
  },
  ISSUER_MISMATCH: {
    title: "The answer came from another provider",
    remedy: "For safety nothing was connected. Try again; if it stays like this, contact support.",
  },
  ACCOUNT_MISMATCH: {
    title: "That was another account",
    remedy: "Try again and sign in with the account that was connected before. To add a second account, connect it as a new one.",
  },
  ACCOUNT_UNVERIFIABLE: {
    title: "It cannot be told whether this is the same account",
    remedy: "For safety nothing was changed. Connect the account anew instead, or contact support.",
  },
  ACCOUNT_ALREADY_CONNECTED: {
    title: "This account is connected already",
    remedy: "There is nothing to do, unless you meant another account: then try again and sign in with that one.",
  },
  DEVICE_CODE_EXPIRED: { title: "The code was not entered in time", remedy: "Try again: you get a new code." },
  PROVIDER_UNREACHABLE: { title: "The provider cannot be reached", remedy: AGAIN_LATER },
  PROVIDER_ERROR: { title: "The provider reports an error", remedy: AGAIN_LATER },
  RATE_LIMITED: { title: "The provider is receiving too many requests", remedy: "Wait a few minutes, then try again." },
  MALFORMED_RESPONSE: { title: "The provider’s answer could not be read", remedy: AGAIN_LATER },
  CONFIG_CHANGED: { title: "The settings changed meanwhile", remedy: "Try again: the new settings hold then." },
  INTERNAL: { title: "Something went wrong here", remedy: AGAIN_LATER },
};

export const tests: Words["tests"] = {
  OK: { title: "It works.", remedy: "" },
  INVALID_CREDENTIALS: {
    title: "These details are not accepted.",
    remedy: "Check the user name, password or key for typing errors, and whether it is still good.",
  },
  PERMISSION_DENIED: {
    title: "Signed in, but access is not allowed.",
    remedy: "Give this user or key the rights that are needed, or use another one.",
  },
  RESOURCE_NOT_FOUND: { title: "What you named is not there.", remedy: "Check the name of the database, bucket or account." },
  HOST_NOT_FOUND: { title: "There is no such host.", remedy: "Check the host name or address for typing errors." },
  CONNECTION_REFUSED: {
    title: "Nothing answers there.",
    remedy: "Check host and port, and whether a firewall lets connections in.",
  },
  TIMEOUT: {
    title: "No answer came in time.",
    remedy: "Check host and port, and whether a firewall lets connections in. Then try again.",
  },
  TLS_ERROR: { title: "No secure connection came about.", remedy: "Check the encryption settings and the certificates." },
  RATE_LIMITED: { title: "There are too many requests at the moment.", remedy: "Wait a few minutes, then try again." },
  PROVIDER_ERROR: {
    title: "The other side reports an error.",
    remedy: "Try again in a few minutes. If it stays like this, check the details.",
  },
  TOKEN_EXPIRED: { title: "This key or token has run out.", remedy: "Get a new one and enter it here." },
  BLOCKED_ADDRESS: {
    title: "This address may not be reached from here.",
    remedy: "Use an address that is public on the internet, or contact support.",
  },
  DRIVER_MISSING: { title: "This cannot be tested here at present.", remedy: "Contact support." },
  NOT_TESTABLE: { title: "There is no way to test this.", remedy: "Press Connect to save it as it is." },
};
