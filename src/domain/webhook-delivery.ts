import { z } from "zod";
import type { Prisma, Tx } from "../db/database.ts";
import type { WebhookDelivery } from "../db/generated/client.ts";
import { announce } from "../events/announce.ts";
import { ConflictError, NotFoundError } from "../lib/errors.ts";
import { decodeId, newId } from "../lib/ids.ts";
import { recordAudit } from "./audit.ts";
import { assertMay, may } from "./caller.ts";
import { anyOf, idField, parseInput } from "./input.ts";
import type { Context } from "./services.ts";

/** `enum WebhookDeliveryStatus` of the public schema. */
export type WebhookDeliveryStatus = "PENDING" | "DELIVERED" | "FAILED";

export interface WebhookDeliveryFilter {
  status?: readonly WebhookDeliveryStatus[] | null;
  event?: string | null;
}

/** Of webhooks that the caller sees. */
export function deliveryWhere(filter?: WebhookDeliveryFilter | null): Prisma.WebhookDeliveryWhereInput {
  const and: Prisma.WebhookDeliveryWhereInput[] = [];
  if (filter?.status) and.push(anyOf(filter.status.map((status) => ({ status }))));
  if (filter?.event != null) and.push({ event: filter.event.replaceAll("\0", "") });
  return { AND: and };
}

/** Newest first; of one credential or request, by its history. */
export const DELIVERY_ORDER = [{ createdAt: "desc" }, { sequence: "desc" }, { id: "desc" }] as const;

/** Nobody's, for whoever may not manage webhooks. */
export function visibleDeliveries({ caller }: Context): Prisma.WebhookDeliveryWhereInput {
  if (!may(caller, "WEBHOOK_MANAGE")) return { id: { in: [] } };
  return { projectId: caller.projectId, webhook: { deletedAt: null } };
}

/**
 * Sends the same event once more, under the same `webhook-id`: what is over gets a delivery of its own, with days of its own; what is
 * still waiting is tried now.
 */
export async function replayWebhookDelivery(ctx: Context, input: { id: string }): Promise<{ webhookDelivery: WebhookDelivery }> {
  assertMay(ctx, "WEBHOOK_MANAGE");
  const id = decodeId("WebhookDelivery", parseInput(z.object({ id: idField }), input).id);
  return ctx.services.database.transact(async (tx) => {
    const found = id
      ? await tx.webhookDelivery.findFirst({ where: { AND: [visibleDeliveries(ctx), { id }] }, include: { webhook: true } })
      : null;
    if (!found) throw new NotFoundError("There is no such delivery in this project. Deliveries are kept for 30 days.");
    const { webhook, ...delivery } = found;
    if (!webhook.enabled)
      throw new ConflictError("CONFLICT", "This webhook is switched off. Switch it on with updateWebhook, then repeat.");
    const webhookDelivery = await again(tx, delivery);
    await tx.webhook.update({ where: { id: webhook.id }, data: { pausedUntil: null }, select: { id: true } });
    await announce(tx, "job:webhooks");
    await recordAudit(tx, ctx, {
      action: "webhook.delivery_replayed",
      targetType: "WebhookDelivery",
      targetId: delivery.id,
      details: { event: delivery.event },
    });
    return { webhookDelivery };
  });
}

async function again(tx: Tx, delivery: WebhookDelivery): Promise<WebhookDelivery> {
  const [waiting] = await tx.webhookDelivery.updateManyAndReturn({
    where: { projectId: delivery.projectId, id: delivery.id, status: "PENDING" },
    data: { nextAttemptAt: tx.now },
  });
  if (waiting) return waiting;
  const { projectId, webhookId, eventId, event, subjectId, sequence } = delivery;
  const payload = delivery.payload as Prisma.InputJsonObject;
  return tx.webhookDelivery.create({
    data: {
      id: newId(),
      projectId,
      webhookId,
      eventId,
      event,
      subjectId,
      sequence,
      payload,
      nextAttemptAt: tx.now,
      createdAt: tx.now,
    },
  });
}
