/** What the API's description of `Webhook.events` names. A star takes whatever comes later, too. */
export const EVENTS: readonly string[] = [
  "credential.*",
  "credential.connected",
  "credential.reauthorized",
  "credential.refresh_failed",
  "credential.status_changed",
  "credential.scopes_changed",
  "credential.revoked",
  "credential.deleted",
  "connection_request.*",
  "connection_request.active",
  "connection_request.failed",
  "connection_request.denied",
  "provider_webhook.received",
];

/** Everything, later kinds of events too. */
export const ALL = "*";

export function eventsInWords(events: readonly string[]): string {
  return events.includes(ALL) ? "everything" : events.join(", ");
}
