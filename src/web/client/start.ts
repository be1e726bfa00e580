import {
  CancelDocument,
  type CancelMutation,
  InitiateDocument,
  type InitiateMutation,
  ReauthorizeDocument,
  type ReauthorizeMutation,
} from "../../../generated/client-gql/graphql.ts";
import type { Api } from "./api.ts";
import { Refused } from "./errors.ts";
import type { ConnectionRequest, StartOptions } from "./types.ts";

type Outcome = InitiateMutation["outcome"] | ReauthorizeMutation["outcome"] | CancelMutation["outcome"];

/** How the browser goes, and where it comes back to. */
type Journey = { display: "POPUP"; origin: string } | { display: "REDIRECT"; returnUrl: string };

/** Makes the request. Sent again after a lost answer, it is still one request. */
export async function startRequest(api: Api, locale: string | undefined, options: StartOptions, journey: Journey) {
  const { connector, authConfigId, credentialId, label, ifAccountExists, scopes, parameters, clientState, flow, signal } =
    options;
  const shared = { scopes, parameters, clientState, flow, locale, idempotencyKey: randomKey(), ...journey };
  if (credentialId) {
    const { outcome } = await api.insist(ReauthorizeDocument, { input: { id: credentialId, ...shared } }, signal);
    return requestOf(outcome);
  }
  const target = authConfigId ? { authConfigId } : { connectorSlug: connector ?? "" };
  const { outcome } = await api.insist(InitiateDocument, { input: { target, label, ifAccountExists, ...shared } }, signal);
  return requestOf(outcome);
}

export async function cancelRequest(api: Api, id: string, signal?: AbortSignal): Promise<ConnectionRequest> {
  const { outcome } = await api.insist(CancelDocument, { input: { id } }, signal);
  return requestOf(outcome, id);
}

/** Where the user goes; null: nowhere, it goes on by itself (client credentials). */
export function linkOf({ authorizationUrl, connectUrl }: ConnectionRequest, show: StartOptions["show"]): string | null {
  return show === "page" ? (connectUrl ?? authorizationUrl) : (authorizationUrl ?? connectUrl);
}

function requestOf(outcome: Outcome, id: string | null = null): ConnectionRequest {
  if (outcome && "connectionRequest" in outcome) return outcome.connectionRequest;
  if (!outcome) throw new Refused("INTERNAL", "Moorline gave no answer.", id);
  const { code = "INTERNAL", message, issues } = outcome as Partial<Refused>;
  throw new Refused(code, message ?? "Moorline refused it.", id, issues);
}

/** Not `crypto.randomUUID`, which pages on plain http do not have. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
