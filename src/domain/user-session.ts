import { z } from "zod";
import type { User } from "../db/generated/client.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { encodeId, newId } from "../lib/ids.ts";
import { recordAudit } from "./audit.ts";
import { assertApiKey, assertMay } from "./caller.ts";
import { connectorsBySlug } from "./connector.ts";
import { fault, localeField, parseInput } from "./input.ts";
import type { Context } from "./services.ts";
import { mintToken } from "./tokens.ts";
import { endSessions } from "./user.ts";
import { resolveUser, type UserRef } from "./user-ref.ts";

const DEFAULT_SECONDS = 3_600;
const RANGE = "A session lasts 60 to 86,400 seconds.";

/** Of sessions and links; absent: every connector with an enabled config. */
export const connectorSlugsField = z
  .array(z.string())
  .min(1, "Name one connector at least, or leave the list out: then every connector with an enabled config is allowed.")
  .max(200, "At most 200 connectors can be named.")
  .refine((slugs) => new Set(slugs).size === slugs.length, fault("NOT_ALLOWED", "Name each connector once."))
  .nullish();

const createInput = z.object({
  expiresInSeconds: z.int(RANGE).min(60, RANGE).max(86_400, RANGE).nullish(),
  connectorSlugs: connectorSlugsField,
  locale: localeField.nullish(),
});

export interface CreateUserSessionInput {
  user: UserRef;
  expiresInSeconds?: number | null;
  connectorSlugs?: readonly string[] | null;
  locale?: string | null;
}

/** A browser's short-lived login as one end user. The token is in this answer and nowhere else. */
export async function createUserSession(
  ctx: Context,
  input: CreateUserSessionInput,
): Promise<{ token: string; expiresAt: Date; user: User }> {
  assertApiKey(ctx);
  assertMay(ctx, "USER_WRITE");
  const given = parseInput(createInput, input);
  await assertConnectors(ctx, given.connectorSlugs ?? []);
  const { projectId } = ctx.caller;
  return ctx.services.database.transact(async (tx) => {
    const user = await resolveUser(ctx, tx, input.user);
    const { token, hash } = mintToken("mls_");
    const expiresAt = new Date(tx.now.getTime() + (given.expiresInSeconds ?? DEFAULT_SECONDS) * 1_000);
    await tx.userSession.create({
      data: {
        id: newId(),
        projectId,
        userId: user.id,
        hash,
        connectorSlugs: given.connectorSlugs ?? [],
        allConnectors: !given.connectorSlugs,
        locale: given.locale ?? null,
        expiresAt,
        createdAt: tx.now,
      },
      select: { id: true },
    });
    await recordAudit(tx, ctx, {
      action: "user_session.created",
      targetType: "User",
      targetId: encodeId("User", user.id),
      details: { expiresAt: expiresAt.toISOString(), connectorSlugs: given.connectorSlugs ?? null },
    });
    return { token, expiresAt, user };
  });
}

/**
 * Ends every session of a user at once, those of hosted links and open sockets included, and the links to a choice of connectors. A request
 * that is open goes on: its own link is worth that request only, and cancelConnectionRequest ends it.
 */
export async function revokeUserSessions(ctx: Context, input: { user: UserRef }): Promise<{ revokedCount: number }> {
  assertApiKey(ctx);
  assertMay(ctx, "USER_WRITE");
  return ctx.services.database.transact(async (tx) => {
    const user = await resolveUser(ctx, tx, input.user);
    const revokedCount = await endSessions(tx, { projectId: ctx.caller.projectId, userId: user.id });
    await recordAudit(tx, ctx, {
      action: "user_session.revoked",
      targetType: "User",
      targetId: encodeId("User", user.id),
      details: { revokedCount },
    });
    return { revokedCount };
  });
}

/** Throws InvalidInputError that names each connector which is not there. */
export async function assertConnectors(ctx: Context, slugs: readonly string[]): Promise<void> {
  const found = await connectorsBySlug(ctx, slugs);
  const issues = slugs.flatMap((slug, index) =>
    found.get(slug)
      ? []
      : [
          {
            path: ["connectorSlugs", String(index)],
            code: "NOT_FOUND" as const,
            message: `There is no connector “${slug.slice(0, 50)}”.`,
          },
        ],
  );
  if (issues.length > 0) throw new InvalidInputError(issues);
}
