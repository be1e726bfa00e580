/** `node` and `nodes`: any object by its public id. What is not there, or not for the caller, is null. */
import { brandWithType } from "@pothos/core";
import { visibleApiKeys } from "../domain/api-key.ts";
import { visibleAuditEvents } from "../domain/audit.ts";
import { visibleAuthConfigs } from "../domain/auth-config.ts";
import { may } from "../domain/caller.ts";
import { visibleRequests } from "../domain/connection-request.ts";
import { connectorById } from "../domain/connector.ts";
import { visibleCredentials } from "../domain/credential.ts";
import { visibleProjects } from "../domain/project.ts";
import { visibleUsers } from "../domain/user.ts";
import { visibleWebhooks } from "../domain/webhook.ts";
import { visibleDeliveries } from "../domain/webhook-delivery.ts";
import { BUILT_IN_CONNECTOR_PREFIX, decodeAnyId, type NodeType } from "../lib/ids.ts";
import { builder } from "./builder.ts";
import { batch, type GraphQLContext } from "./context.ts";
import { badRequest } from "./errors.ts";
import { NodeInterface } from "./refs.ts";

type Reader = (context: GraphQLContext, uuids: string[]) => Promise<{ id: string }[]>;

/** How rows of each type are found by UUID, in one statement, as far as the caller may see them. */
const READERS: Partial<Record<NodeType, Reader>> = {
  Project: (context, id) => prisma(context).project.findMany({ where: { AND: [visibleProjects(context), { id: { in: id } }] } }),
  ApiKey: (context, id) => prisma(context).apiKey.findMany({ where: { AND: [visibleApiKeys(context), { id: { in: id } }] } }),
  User: (context, id) => prisma(context).user.findMany({ where: { AND: [visibleUsers(context), { id: { in: id } }] } }),
  AuthConfig: (context, id) =>
    prisma(context).authConfig.findMany({ where: { AND: [visibleAuthConfigs(context), { id: { in: id } }] } }),
  ConnectionRequest: (context, id) =>
    prisma(context).connectionRequest.findMany({ where: { AND: [visibleRequests(context), { id: { in: id } }] } }),
  Credential: (context, id) =>
    prisma(context).credential.findMany({ where: { AND: [visibleCredentials(context), { id: { in: id } }] } }),
  AuditEvent: async (context, id) =>
    may(context.caller, "AUDIT_READ")
      ? prisma(context).auditEvent.findMany({ where: { AND: [visibleAuditEvents(context), { id: { in: id } }] } })
      : [],
  Webhook: (context, id) => prisma(context).webhook.findMany({ where: { AND: [visibleWebhooks(context), { id: { in: id } }] } }),
  WebhookDelivery: (context, id) =>
    prisma(context).webhookDelivery.findMany({ where: { AND: [visibleDeliveries(context), { id: { in: id } }] } }),
};

function prisma(context: GraphQLContext) {
  return context.services.database.prisma;
}

/** By public id, batched within the request: one statement for each type that occurs. */
export function loadNode(context: GraphQLContext, id: string): Promise<object | null> {
  return batch<object | null>(context, "node", (ids) => loadNodes(context, ids)).load(id);
}

async function loadNodes(context: GraphQLContext, ids: readonly string[]): Promise<(object | null)[]> {
  const found = new Map<string, object>();
  const wanted = new Map<NodeType, Map<string, string>>();
  const connectors: string[] = [];
  for (const id of ids) {
    const decoded = decodeAnyId(id);
    if (decoded?.type === "Connector" || id.startsWith(BUILT_IN_CONNECTOR_PREFIX)) connectors.push(id);
    else if (decoded) wanted.set(decoded.type, (wanted.get(decoded.type) ?? new Map()).set(decoded.uuid, id));
  }
  const reads = [...wanted].map(async ([type, publicIds]) => {
    for (const row of (await READERS[type]?.(context, [...publicIds.keys()])) ?? []) {
      brandWithType(row, type as never);
      found.set(publicIds.get(row.id) ?? "", row);
    }
  });
  await Promise.all([...reads, addConnectors(context, connectors, found)]);
  return ids.map((id) => found.get(id) ?? null);
}

async function addConnectors(context: GraphQLContext, ids: string[], found: Map<string, object>): Promise<void> {
  for (const view of await Promise.all(ids.map((id) => connectorById(context, id)))) {
    if (!view) continue;
    // Built-in connectors are shared and frozen: the brand goes onto a copy.
    const copy = { ...view };
    brandWithType(copy, "Connector" as never);
    found.set(view.id, copy);
  }
}

const MAX_NODES = 100;

builder.queryFields((t) => ({
  node: t.field({
    type: NodeInterface,
    nullable: true,
    description: "Any object by its id. Null where there is none, or none for the caller.",
    args: { id: t.arg.id({ required: true, description: "As the object's own `id` gave it." }) },
    resolve: (_root, { id }, context) => loadNode(context, id),
  }),
  nodes: t.field({
    type: [NodeInterface],
    nullable: { list: false, items: true },
    description: "Objects by their ids, in the order asked for, null for those that are not there.",
    args: { ids: t.arg.idList({ required: true, description: `At most ${MAX_NODES}.` }) },
    complexity: ({ ids }) => ({ field: 1, multiplier: Math.max(1, ids.length) }),
    resolve: (_root, { ids }, context) => {
      if (ids.length > MAX_NODES) throw badRequest(`Ask for at most ${MAX_NODES} ids at a time.`);
      return ids.map((id) => loadNode(context, id));
    },
  }),
}));
