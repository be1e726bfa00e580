import type { ConnectionStatus } from "./connection-request.ts";
import type { CredentialEventKind } from "./credential-event.ts";

/** Of no stored history: what a provider sent, passed on. */
export const PROVIDER_WEBHOOK = "provider_webhook.received";

/** Uses and reveals change nothing, so nobody is told of them. */
type ToldKind = Exclude<CredentialEventKind, "USED" | "REVEALED"> | "DELETED";

const CREDENTIAL_EVENTS: Record<ToldKind, string> = {
  CONNECTED: "the account was connected, or a credential was created or imported",
  REAUTHORIZED: "the user authorized it again",
  REFRESHED: "new tokens were obtained",
  REFRESH_FAILED: "new tokens could not be obtained; `status` says whether it still works",
  TESTED: "it was tested",
  SCOPES_CHANGED: "the provider granted other scopes than before",
  STATUS_CHANGED: "its status changed, or it was switched on or off",
  UPDATED: "its label, fields or auth config were changed",
  REVOKED: "it was ended here, or the provider was asked to end it",
  DELETED: "it was deleted",
};

const REQUEST_EVENTS: Record<ConnectionStatus, string> = {
  PENDING: "it was created",
  AUTHORIZING: "the user's browser was sent to the provider, or a form is being filled",
  VERIFYING: "the product is asked who is at the browser",
  EXCHANGING: "the code is being exchanged",
  ACTIVE: "the credential is there",
  FAILED: "it went wrong: `failure` says how",
  DENIED: "the user said no",
  CANCELED: "it was cancelled",
  EXPIRED: "nobody finished it in time",
};

/** Every type of event that webhooks hear of, and what it says: one for each kind of a credential's history, and each status of a request. */
export const WEBHOOK_EVENTS: ReadonlyMap<string, string> = new Map([
  ...named("credential", CREDENTIAL_EVENTS),
  ...named("connection_request", REQUEST_EVENTS),
  [PROVIDER_WEBHOOK, "a provider posted to an auth config's `webhookUrl`, signed as it should be"],
]);

/** What a webhook's list may hold. */
export const WEBHOOK_PATTERNS: ReadonlySet<string> = new Set([
  "*",
  "credential.*",
  "connection_request.*",
  ...WEBHOOK_EVENTS.keys(),
]);

function named(entity: string, events: Record<string, string>): [string, string][] {
  return Object.entries(events).map(([name, text]) => [`${entity}.${name.toLowerCase()}`, text]);
}
