import { randomBytes } from "node:crypto";
import { z } from "zod";
import { encodeId, newId } from "../lib/ids.ts";
import { recordAudit } from "./audit.ts";
import { assertApiKey, assertMay } from "./caller.ts";
import { assertReturnUrl } from "./initiate-connection.ts";
import { localeField, parseInput } from "./input.ts";
import type { Context, Services } from "./services.ts";
import { hashToken } from "./tokens.ts";
import { resolveUser, type UserRef } from "./user-ref.ts";
import { assertConnectors, connectorSlugsField } from "./user-session.ts";

const DEFAULT_SECONDS = 600;
const RANGE = "A link lasts 60 to 604,800 seconds.";

const schema = z.object({
  connectorSlugs: connectorSlugsField,
  returnUrl: z.string().nullish(),
  expiresInSeconds: z.int(RANGE).min(60, RANGE).max(604_800, RANGE).nullish(),
  locale: localeField.nullish(),
});

export interface CreateConnectLinkInput {
  user: UserRef;
  connectorSlugs?: readonly string[] | null;
  returnUrl?: string | null;
  expiresInSeconds?: number | null;
  locale?: string | null;
}

/** A link to the hosted page on which a user chooses what to connect. It is in this answer and nowhere else. */
export async function createConnectLink(ctx: Context, input: CreateConnectLinkInput): Promise<{ url: string; expiresAt: Date }> {
  assertApiKey(ctx);
  assertMay(ctx, "USER_WRITE");
  const { services } = ctx;
  const { projectId } = ctx.caller;
  const { connectorSlugs, returnUrl = null, expiresInSeconds, locale = null } = parseInput(schema, input);
  const project = await services.database.prisma.project.findUniqueOrThrow({ where: { id: projectId } });
  assertReturnUrl(project, returnUrl);
  await assertConnectors(ctx, connectorSlugs ?? []);
  const token = randomBytes(32).toString("base64url");
  return services.database.transact(async (tx) => {
    const user = await resolveUser(ctx, tx, input.user);
    const expiresAt = new Date(tx.now.getTime() + (expiresInSeconds ?? DEFAULT_SECONDS) * 1_000);
    const what = { connectorSlugs: connectorSlugs ?? [], allConnectors: !connectorSlugs, returnUrl, locale };
    await tx.connectLink.create({
      data: { id: newId(), projectId, userId: user.id, hash: hashToken(token), ...what, expiresAt, createdAt: tx.now },
      select: { id: true },
    });
    await recordAudit(tx, ctx, {
      action: "connect_link.created",
      targetType: "User",
      targetId: encodeId("User", user.id),
      details: { expiresAt: expiresAt.toISOString(), connectorSlugs: connectorSlugs ?? null },
    });
    return { url: `${services.publicUrl}/connect/${token}`, expiresAt };
  });
}

/** The link behind a token with whom it is for, and the database's time; null where there is none. */
export async function findConnectLink({ database }: Services, token: string) {
  if (!/^[\w-]{43}$/.test(token)) return null;
  const row = await database.prisma.connectLink.findUnique({
    where: { hash: hashToken(token) },
    include: { project: true, user: true },
  });
  return row && !row.project.deletedAt ? { ...row, now: await database.now() } : null;
}

export type FoundLink = NonNullable<Awaited<ReturnType<typeof findConnectLink>>>;
