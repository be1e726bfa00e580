import { randomBytes } from "node:crypto";
import { z } from "zod";
import type { Prisma, Tx } from "../db/database.ts";
import type { Webhook } from "../db/generated/client.ts";
import { EgressError } from "../egress/index.ts";
import { announce } from "../events/announce.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "../lib/errors.ts";
import { decodeId, newId } from "../lib/ids.ts";
import { Secret } from "../lib/secret.ts";
import { recordAudit } from "./audit.ts";
import { assertMay, may } from "./caller.ts";
import { withIdempotency } from "./idempotency.ts";
import { fault, idempotencyKeyField, idField, parseInput, sameJson, webUrl } from "./input.ts";
import { lockProject } from "./row-lock.ts";
import type { Context, Services } from "./services.ts";
import { WEBHOOK_PATTERNS } from "./webhook-events.ts";
import { sealFirstSecret, sealNextSecret } from "./webhook-secret.ts";

/** Each writes a row for every event. */
const MAX_WEBHOOKS = 50;

const LIST = `Webhooks hear of these types of events: ${[...WEBHOOK_PATTERNS].join(", ")}.`;
const NOTHING = z.null().refine(() => false, fault("REQUIRED", "This cannot be cleared. Leave it out to keep it as it is."));

const eventsField = z
  .array(
    z.string().refine((name) => WEBHOOK_PATTERNS.has(name), fault("NOT_ALLOWED", LIST)),
    "The events are a list.",
  )
  .min(1, "Name one type of event at least, or leave the list out: then the webhook hears of everything.")
  .max(100, "At most 100 types of events can be listed.");

const createInput = ({ services }: Context) =>
  z.object({
    url: webUrl("The URL", services.allowHttp),
    events: eventsField.nullish(),
    idempotencyKey: idempotencyKeyField,
  });

const updateInput = ({ services }: Context) =>
  z.object({
    id: idField,
    url: z.union([webUrl("The URL", services.allowHttp), NOTHING]).optional(),
    events: eventsField.nullish(),
    enabled: z.union([z.boolean(), NOTHING]).optional(),
  });

export interface CreateWebhookInput {
  url: string;
  events?: readonly string[] | null;
  idempotencyKey?: string | null;
}

/** `secret` is shown this once: empty in an idempotent repeat. */
export async function createWebhook(ctx: Context, input: CreateWebhookInput): Promise<{ webhook: Webhook; secret: string }> {
  assertMay(ctx, "WEBHOOK_MANAGE");
  const given = parseInput(createInput(ctx), input);
  await assertReachable(ctx.services, given.url);
  const { projectId } = ctx.caller;
  const secret = newSecret();
  return ctx.services.database.transact(async (tx) => {
    const { row, repeated } = await withIdempotency(ctx, tx, "createWebhook", input, find, async () => {
      await assertRoom(tx, projectId);
      const webhook = await tx.webhook.create({
        data: { id: newId(), projectId, url: given.url, events: listed(given.events), createdAt: tx.now, updatedAt: tx.now },
      });
      await sealFirstSecret(tx, ctx.services, webhook, secret);
      await audit(tx, ctx, "webhook.created", webhook, { host: new URL(given.url).host, events: webhook.events });
      return webhook;
    });
    return { webhook: row, secret: repeated ? "" : secret.reveal() };

    function find(id: string) {
      return tx.webhook.findFirst({ where: { projectId, id, deletedAt: null } });
    }
  });
}

async function assertRoom(tx: Tx, projectId: string): Promise<void> {
  await lockProject(tx, projectId);
  if ((await tx.webhook.count({ where: { projectId, deletedAt: null } })) < MAX_WEBHOOKS) return;
  throw new ConflictError("CONFLICT", `A project has at most ${MAX_WEBHOOKS} webhooks. Delete one that is not needed any more.`);
}

/** Standard Webhooks: `whsec_` and the key, 24 to 64 bytes, in base64. */
function newSecret(): Secret {
  return new Secret(`whsec_${randomBytes(32).toString("base64")}`);
}

function listed(events: readonly string[] | null | undefined): string[] {
  return [...new Set(events ?? ["*"])];
}

/** Says now what could only fail later. A name that can't be resolved yet may be one that is still being set up. */
async function assertReachable({ egress }: Services, text: string): Promise<void> {
  const url = new URL(text);
  try {
    await egress.assertAllowed(url.hostname, Number(url.port) || (url.protocol === "https:" ? 443 : 80));
  } catch (error) {
    if (error instanceof EgressError && error.code === "BLOCKED_ADDRESS")
      throw InvalidInputError.at(["url"], "NOT_ALLOWED", error.message);
  }
}

export interface UpdateWebhookInput {
  id: string;
  url?: string | null;
  /** Null: everything. */
  events?: readonly string[] | null;
  enabled?: boolean | null;
}

/** Another URL, or switching it on, gives a webhook that was failing a fresh start. */
export async function updateWebhook(ctx: Context, input: UpdateWebhookInput): Promise<{ webhook: Webhook }> {
  assertMay(ctx, "WEBHOOK_MANAGE");
  const given = parseInput(updateInput(ctx), input);
  if (given.url) await assertReachable(ctx.services, given.url);
  return ctx.services.database.transact(async (tx) => {
    const present = await lockWebhook(tx, ctx, given.id);
    const wanted = {
      ...(given.url && { url: given.url }),
      ...(given.events !== undefined && { events: listed(given.events) }),
      ...(given.enabled != null && { enabled: given.enabled }),
    };
    const changed = Object.entries(wanted).flatMap(([key, value]) =>
      sameJson(present[key as keyof Webhook], value) ? [] : [key],
    );
    if (changed.length === 0) return { webhook: present };
    const afresh = changed.includes("url") || changed.includes("enabled");
    const webhook = await tx.webhook.update({
      where: { id: present.id },
      data: { ...wanted, ...(afresh && { failures: 0, pausedUntil: null }), updatedAt: tx.now },
    });
    if (afresh) await announce(tx, "job:webhooks");
    await audit(tx, ctx, "webhook.updated", webhook, { changed, enabled: webhook.enabled, host: new URL(webhook.url).host });
    return { webhook };
  });
}

/** Hidden at once, its secrets destroyed; what was still to be sent is not. */
export async function deleteWebhook(ctx: Context, input: { id: string }): Promise<{ deletedId: string }> {
  assertMay(ctx, "WEBHOOK_MANAGE");
  const { id } = parseInput(z.object({ id: idField }), input);
  await ctx.services.database.transact(async (tx) => {
    const webhook = await lockWebhook(tx, ctx, id);
    // The row stays: a change that is being told to it at this moment must not fail for its sake.
    await tx.webhook.update({ where: { id: webhook.id }, data: { deletedAt: tx.now, updatedAt: tx.now }, select: { id: true } });
    await tx.webhookDelivery.deleteMany({ where: { projectId: webhook.projectId, webhookId: webhook.id } });
    await ctx.services.vault.destroy(tx, { projectId: webhook.projectId, table: "Webhook", id: webhook.id });
    await audit(tx, ctx, "webhook.deleted", webhook, { host: new URL(webhook.url).host });
  });
  return { deletedId: input.id };
}

/** With their project; its keys, and so their secrets, are destroyed there. */
export async function retireWebhooks(tx: Tx, projectId: string): Promise<void> {
  await tx.webhook.updateMany({ where: { projectId, deletedAt: null }, data: { deletedAt: tx.now, updatedAt: tx.now } });
  await tx.webhookDelivery.deleteMany({ where: { projectId } });
}

/** Every secret that still signed goes on doing so for a day after its own replacement. */
export async function rotateWebhookSecret(ctx: Context, input: { id: string }): Promise<{ webhook: Webhook; secret: string }> {
  assertMay(ctx, "WEBHOOK_MANAGE");
  const { id } = parseInput(z.object({ id: idField }), input);
  const secret = newSecret();
  return ctx.services.database.transact(async (tx) => {
    const webhook = await sealNextSecret(tx, ctx.services, await lockWebhook(tx, ctx, id), secret);
    await audit(tx, ctx, "webhook.secret_rotated", webhook, {});
    return { webhook, secret: secret.reveal() };
  });
}

/** Of two changes at once the second sees what the first has made of it. Throws NotFoundError. */
async function lockWebhook(tx: Tx, ctx: Context, publicId: string): Promise<Webhook> {
  const { projectId } = ctx.caller;
  const id = decodeId("Webhook", publicId);
  if (id)
    await tx.$queryRaw`SELECT 1 FROM "Webhook" WHERE "projectId" = ${projectId}::uuid AND "id" = ${id}::uuid FOR NO KEY UPDATE`;
  const row = id ? await tx.webhook.findFirst({ where: { projectId, id, deletedAt: null } }) : null;
  if (!row) throw new NotFoundError("There is no such webhook in this project. Check the id.");
  return row;
}

function audit(tx: Tx, ctx: Context, action: string, { id }: Webhook, details: Prisma.InputJsonObject): Promise<void> {
  return recordAudit(tx, ctx, { action, targetType: "Webhook", targetId: id, details });
}

/** Nobody's, for whoever may not manage them. */
export function visibleWebhooks({ caller }: Context): Prisma.WebhookWhereInput {
  if (!may(caller, "WEBHOOK_MANAGE")) return { id: { in: [] } };
  return { projectId: caller.projectId, deletedAt: null };
}

/** For the root list. Throws ForbiddenError. */
export function webhookWhere(ctx: Context): Prisma.WebhookWhereInput {
  assertMay(ctx, "WEBHOOK_MANAGE");
  return visibleWebhooks(ctx);
}
