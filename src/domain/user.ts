import { z } from "zod";
import type { Prisma, Tx } from "../db/database.ts";
import type { User } from "../db/generated/client.ts";
import { announce } from "../events/announce.ts";
import { NotFoundError } from "../lib/errors.ts";
import { decodeId, encodeId, newId } from "../lib/ids.ts";
import { recordAudit } from "./audit.ts";
import { assertMay, isUserSession } from "./caller.ts";
import { assertUnused } from "./impact.ts";
import {
  fault,
  idField,
  type JsonObject,
  jsonObject,
  line,
  localeField,
  mergeJson,
  parseInput,
  sameJson,
  searchText,
} from "./input.ts";
import { DELETION, retireCredentials } from "./retire-credentials.ts";
import type { Context } from "./services.ts";

export { findUser, resolveUser, type UserRef, userRefWhere } from "./user-ref.ts";

const DELETED = "deleted:";

const upsertInput = z.object({
  externalId: line("The external id", 255).refine(
    (value) => !value.startsWith(DELETED),
    fault("NOT_ALLOWED", `An external id must not begin with “${DELETED}”.`),
  ),
  displayName: line("The display name", 200, 0).nullish(),
  email: line("The e-mail address", 320).pipe(z.email("The e-mail address is not one.")).nullish(),
  locale: localeField.nullish(),
  metadata: jsonObject("The metadata").nullish(),
});

export interface UpsertUserInput {
  externalId: string;
  displayName?: string | null;
  email?: string | null;
  locale?: string | null;
  metadata?: unknown;
}

/** Creates the user of that externalId, or updates it: absent is unchanged, null cleared, `metadata` merges by top-level key. */
export async function upsertUser(ctx: Context, input: UpsertUserInput): Promise<{ user: User }> {
  assertMay(ctx, "USER_WRITE");
  const given = parseInput(upsertInput, input);
  const { projectId } = ctx.caller;
  return ctx.services.database.transact(async (tx) => {
    const { count } = await tx.user.createMany({
      data: [{ id: newId(), projectId, externalId: given.externalId, createdAt: tx.now, updatedAt: tx.now }],
      skipDuplicates: true,
    });
    await tx.$queryRaw`SELECT 1 FROM "User" WHERE "projectId" = ${projectId}::uuid AND "externalId" = ${given.externalId} FOR NO KEY UPDATE`;
    const present = await tx.user.findUniqueOrThrow({
      where: { projectId_externalId: { projectId, externalId: given.externalId } },
    });
    const changes = changesOf(present, given);
    const changed = Object.keys(changes);
    if (count === 0 && changed.length === 0) return { user: present };
    const user = await tx.user.update({ where: { id: present.id }, data: { ...changes, updatedAt: tx.now } });
    await recordAudit(tx, ctx, {
      action: count === 1 ? "user.created" : "user.updated",
      targetType: "User",
      targetId: encodeId("User", user.id),
      details: { changed },
    });
    return { user };
  });
}

function changesOf(present: User, given: z.output<typeof upsertInput>) {
  const changes: {
    displayName?: string | null;
    email?: string | null;
    locale?: string | null;
    metadata?: Prisma.InputJsonObject;
  } = {};
  for (const key of ["displayName", "email", "locale"] as const) {
    const value = given[key];
    if (value !== undefined && value !== present[key]) changes[key] = value;
  }
  const metadata = mergedMetadata(present, given.metadata);
  if (!sameJson(metadata, present.metadata)) changes.metadata = metadata as Prisma.InputJsonObject;
  return changes;
}

/** What the merge makes of it is held to the same limits as what was sent. */
function mergedMetadata(present: User, patch: JsonObject | null | undefined): JsonObject {
  return parseInput(z.object({ metadata: jsonObject("The metadata") }), { metadata: mergeJson(present.metadata, patch) })
    .metadata;
}

/** And every secret of theirs: sessions end, credentials are revoked, open requests cancelled, the user's data key destroyed. */
export async function deleteUser(ctx: Context, input: { id: string; confirm?: boolean | null }): Promise<{ deletedId: string }> {
  assertMay(ctx, "USER_DELETE");
  const { id } = parseInput(z.object({ id: idField }), input);
  const { projectId } = ctx.caller;
  const user = await findVisibleUser(ctx, id);
  await assertUnused(ctx, { userId: user.id }, input.confirm, "This user has connected accounts, which deleting would revoke.");
  await ctx.services.database.transact(async (tx) => {
    const { count } = await tx.user.updateMany({
      where: { projectId, id: user.id, deletedAt: null },
      data: {
        deletedAt: tx.now,
        updatedAt: tx.now,
        externalId: DELETED + user.id,
        displayName: null,
        email: null,
        locale: null,
        metadata: {},
      },
    });
    if (count === 0) throw notFound();
    await endSessions(tx, { projectId, userId: user.id });
    await retireCredentials(tx, ctx, { projectId, userId: user.id });
    await ctx.services.vault.destroyScope(tx, projectId, user.id);
    await recordAudit(tx, ctx, { action: "user.deleted", targetType: "User", targetId: encodeId("User", user.id) });
  }, DELETION);
  return { deletedId: input.id };
}

/**
 * Ends the sessions that have not ended by themselves, and says so to whoever holds them open; the links to a choice of connectors, too.
 * Returns how many sessions.
 */
export async function endSessions(tx: Tx, where: { projectId: string; userId?: string }): Promise<number> {
  await tx.connectLink.updateMany({
    where: { ...where, revokedAt: null, expiresAt: { gt: tx.now } },
    data: { revokedAt: tx.now },
  });
  const ended = await tx.userSession.updateManyAndReturn({
    where: { ...where, revokedAt: null, expiresAt: { gt: tx.now } },
    data: { revokedAt: tx.now },
    select: { id: true },
  });
  if (ended.length > 0) await announce(tx, ...ended.map(({ id }) => `token:${id}` as const));
  return ended.length;
}

/** A session's own user; for keys every user of the project. */
export function visibleUsers({ caller }: Context): Prisma.UserWhereInput {
  return { projectId: caller.projectId, deletedAt: null, ...(isUserSession(caller) && { id: caller.userId ?? { in: [] } }) };
}

export interface UserFilter {
  search?: string | null;
}

/** `search` looks into externalId, display name and e-mail address, whatever the case. */
export function userWhere(ctx: Context, filter?: UserFilter | null): Prisma.UserWhereInput {
  const text = searchText(filter?.search);
  if (text === null) return visibleUsers(ctx);
  const contains = { contains: text, mode: "insensitive" } as const;
  return { AND: [visibleUsers(ctx), { OR: [{ externalId: contains }, { displayName: contains }, { email: contains }] }] };
}

export interface UserOrder {
  field: "CREATED_AT" | "DISPLAY_NAME";
  direction: "ASC" | "DESC";
}

/** Default: newest first. */
export function userOrder(orderBy?: UserOrder | null): Prisma.UserOrderByWithRelationInput[] {
  const sort = orderBy?.direction === "ASC" ? "asc" : "desc";
  if (orderBy?.field === "DISPLAY_NAME") return [{ displayName: { sort, nulls: "last" } }, { id: sort }];
  return [{ createdAt: sort }, { id: sort }];
}

async function findVisibleUser(ctx: Context, publicId: string): Promise<User> {
  const id = decodeId("User", publicId);
  const user = id ? await ctx.services.database.prisma.user.findFirst({ where: { AND: [visibleUsers(ctx), { id }] } }) : null;
  if (!user) throw notFound();
  return user;
}

function notFound(): NotFoundError {
  return new NotFoundError("There is no such user in this project. Check the id.");
}
