import type { AuditEvent } from "../db/generated/client.ts";
import { type AuditOutcome, auditEventOrder, auditEventWhere } from "../domain/audit.ts";
import { type Sealed, sealedText } from "../domain/audit-chain.ts";
import { encodeId, ID_PREFIXES, type NodeType } from "../lib/ids.ts";
import { builder, enumType } from "./builder.ts";
import { pageCost, rowPage } from "./connection.ts";
import { loadNode } from "./node.ts";
import { AuditEventConnection, AuditEventType, NodeInterface } from "./refs.ts";

const AuditOutcomeEnum = enumType("AuditOutcome", "How it ended.", {
  ALLOWED: "It was done.",
  DENIED: "The caller was not allowed to.",
  FAILED: "It was allowed, and failed.",
});

builder.prismaObjectFields(AuditEventType, (t) => ({
  id: t.id({ description: "`aud_…`", resolve: ({ id }) => encodeId("AuditEvent", id) }),
  at: t.expose("at", { type: "DateTime", description: "When, by the database's clock." }),
  action: t.exposeString("action", {
    description:
      "Dotted, entity first: `auth_config.created`, `credential.revealed`, `connection_request.failed`, `access.denied`.",
  }),
  outcome: t.field({ type: AuditOutcomeEnum, description: "How it ended.", resolve: ({ outcome }) => outcome as AuditOutcome }),
  actor: t.field({
    type: NodeInterface,
    nullable: true,
    description: "The API key or user, while it exists; `actorLabel` tells who it was.",
    resolve: ({ actorType, actorId }, _args, context) =>
      actorId && actorType && actorType in ID_PREFIXES ? loadNode(context, encodeId(actorType as NodeType, actorId)) : null,
  }),
  actorLabel: t.exposeString("actorLabel", {
    description: "Who it was: a key's name, a user's externalId, or the part of Moorline.",
  }),
  target: t.field({
    type: NodeInterface,
    nullable: true,
    description: "What it was done to, while it exists.",
    resolve: ({ targetId }, _args, context) => (targetId ? loadNode(context, targetId) : null),
  }),
  targetId: t.exposeID("targetId", {
    nullable: true,
    description: "What it was done to, whether or not it still exists; null: nothing in particular.",
  }),
  ip: t.exposeString("ip", { nullable: true, description: "The caller's address; null where nobody called." }),
  details: t.field({ type: "JSON", description: "More about it, never a secret; an object.", resolve: ({ details }) => details }),
}));

const AuditSealType = builder.objectRef<Sealed & Pick<AuditEvent, "chainHash">>("AuditSeal").implement({
  description: `An event's place in the project's hash chain. \`hash\` is the SHA-256 of the previous event's hash (32 bytes; for the first event zeros)
followed by \`text\` in UTF-8: anyone can compute it again, and keep it elsewhere.`,
  fields: (t) => ({
    sequence: t.float({
      description: "From 1, without gaps; a whole number.",
      resolve: ({ chainSequence }) => Number(chainSequence),
    }),
    hash: t.string({ description: "64 hexadecimal digits.", resolve: ({ chainHash }) => hex(chainHash ?? new Uint8Array()) }),
    text: t.string({
      description: "The event as canonical JSON (RFC 8785): what was sealed, of what stands in the database now.",
      resolve: (event) => sealedText(event),
    }),
  }),
});

builder.prismaObjectField(AuditEventType, "seal", (t) =>
  t.field({
    type: AuditSealType,
    nullable: true,
    description: "Null until it is sealed, some seconds after it was written.",
    resolve: (event) => (event.chainSequence === null ? null : { ...event, chainSequence: event.chainSequence }),
  }),
);

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

const AuditEventFilterInput = builder.inputType("AuditEventFilter", {
  description: "What must hold of an event; absent or null: anything.",
  fields: (t) => ({
    action: t.string({ description: "Exactly this action; with `.*` at its end, every action of that kind: `credential.*`." }),
    actorId: t.id({ description: "Done by this API key or user." }),
    targetId: t.id({ description: "Done to this object." }),
    from: t.field({ type: "DateTime", description: "At this moment or later." }),
    to: t.field({ type: "DateTime", description: "Before this moment." }),
  }),
});

builder.queryField("auditEvents", (t) =>
  t.connection(
    {
      type: AuditEventType,
      nullable: true,
      description: "The project's audit log, newest first. For ADMIN keys.",
      args: { filter: t.arg({ type: AuditEventFilterInput, description: "Which events; absent: all." }) },
      complexity: pageCost,
      resolve: (_root, args, context, info) =>
        rowPage(context, info, {
          args,
          model: "AuditEvent",
          order: auditEventOrder(),
          where: auditEventWhere(context, args.filter),
        }),
    },
    AuditEventConnection,
  ),
);
