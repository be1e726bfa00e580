import { randomUUIDv7 } from "node:crypto";
import { fromString, fromUUID, toUUID } from "typeid-js";

/** Prefixes of the public ids (TypeID form, `ac_01h…`); inside, ids are plain UUIDv7 text. */
export const ID_PREFIXES = {
  Project: "proj",
  ApiKey: "key",
  AuthConfig: "ac",
  Connector: "ccn",
  User: "usr",
  Credential: "cred",
  ConnectionRequest: "req",
  AuditEvent: "aud",
  Webhook: "whk",
  WebhookDelivery: "whd",
} as const;

export type NodeType = keyof typeof ID_PREFIXES;

const TYPE_BY_PREFIX = new Map<string, NodeType>(
  (Object.entries(ID_PREFIXES) as [NodeType, string][]).map(([type, prefix]) => [prefix, type]),
);

/** A built-in connector's public id is `conn_<slug>`: it is a file, not a row, and has no UUID. */
export const BUILT_IN_CONNECTOR_PREFIX = "conn_";

export function newId(): string {
  return randomUUIDv7();
}

/** The public form of a row's UUID: `encodeId("User", uuid)` gives `usr_…`. */
export function encodeId(type: NodeType, uuid: string): string {
  return fromUUID(uuid, ID_PREFIXES[type]);
}

/** An event's id as webhooks carry it; nothing can be read by it. */
export function encodeEventId(uuid: string): string {
  return fromUUID(uuid, "evt");
}

/** The type and UUID behind a public id; null where the text is no id of ours (the caller then says "not found"). */
export function decodeAnyId(id: string): { type: NodeType; uuid: string } | null {
  const type = TYPE_BY_PREFIX.get(id.slice(0, Math.max(0, id.lastIndexOf("_"))));
  if (!type || id.length > 64) return null;
  try {
    return { type, uuid: toUUID(fromString(id)) };
  } catch {
    return null;
  }
}

/** The UUID behind a public id of one given type; null where it is anything else. */
export function decodeId(type: NodeType, id: string): string | null {
  const decoded = decodeAnyId(id);
  return decoded?.type === type ? decoded.uuid : null;
}
