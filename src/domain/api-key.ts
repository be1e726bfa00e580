import { z } from "zod";
import type { Prisma, Tx } from "../db/database.ts";
import type { ApiKey } from "../db/generated/client.ts";
import { announce } from "../events/announce.ts";
import { ForbiddenError, InvalidInputError, NotFoundError } from "../lib/errors.ts";
import { decodeId, encodeId, newId } from "../lib/ids.ts";
import { recordAudit } from "./audit.ts";
import { assertApiKey, assertMay } from "./caller.ts";
import { withIdempotency } from "./idempotency.ts";
import { idempotencyKeyField, nameField, parseInput } from "./input.ts";
import { PERMISSIONS, type Permission, permissionsOf, type Role } from "./permissions.ts";
import type { Context } from "./services.ts";
import { mintToken } from "./tokens.ts";
import { type UserRef, userRefWhere } from "./user-ref.ts";
import { assertConnectors } from "./user-session.ts";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

const createInput = z.object({
  name: nameField,
  role: z.enum(
    ["ADMIN", "DEVELOPER", "VIEWER"],
    "An API key's role is ADMIN, DEVELOPER or VIEWER; for end users there is createUserSession.",
  ),
  permissions: z.array(z.enum(PERMISSIONS, "There is no such permission.")).max(100).nullish(),
  connectorSlugs: narrowing(z.string(), "connectors"),
  users: narrowing(
    z.custom<UserRef>((value) => typeof value === "object" && value !== null),
    "users",
  ),
  methods: narrowing(z.enum(METHODS, `A method is one of ${METHODS.join(", ")}.`), "methods"),
  expiresAt: z.date().nullish(),
  idempotencyKey: idempotencyKeyField,
});

/** Absent: not narrowed. An empty list would read as "nothing" to one and as "all" to another, so it is refused. */
function narrowing<T extends z.ZodType>(item: T, what: string) {
  return z
    .array(item)
    .min(1, `Name one at least, or leave the list out: then the key is not narrowed to certain ${what}.`)
    .max(200, `At most 200 ${what} can be named.`)
    .nullish();
}

export interface CreateApiKeyInput {
  name: string;
  role: Role;
  /** Beyond the role's own. */
  permissions?: readonly Permission[] | null;
  connectorSlugs?: readonly string[] | null;
  users?: readonly UserRef[] | null;
  methods?: readonly string[] | null;
  expiresAt?: Date | null;
  idempotencyKey?: string | null;
}

/** Never more than the caller's own permissions and narrowing. `key` is shown this once: empty in an idempotent repeat. */
export async function createApiKey(ctx: Context, input: CreateApiKeyInput): Promise<{ apiKey: ApiKey; key: string }> {
  assertApiKey(ctx);
  assertMay(ctx, "API_KEY_MANAGE");
  const given = parseInput(createInput, input);
  assertOwnPermissions(ctx, given.role, given.permissions ?? []);
  if (given.expiresAt && given.expiresAt <= ctx.caller.now) {
    throw InvalidInputError.at(["expiresAt"], "OUT_OF_RANGE", "The key would have expired already. Give a time in the future.");
  }
  await assertConnectors(ctx, given.connectorSlugs ?? []);
  const minted = mintToken("mlk_");
  const { projectId } = ctx.caller;
  return ctx.services.database.transact(async (tx) => {
    const { row, repeated } = await withIdempotency(ctx, tx, "createApiKey", input, findKey, async () => {
      const apiKey = await tx.apiKey.create({
        data: {
          id: newId(),
          projectId,
          name: given.name,
          role: given.role,
          permissions: [...new Set(given.permissions ?? [])],
          prefix: minted.prefix,
          hash: minted.hash,
          expiresAt: given.expiresAt ?? null,
          createdAt: tx.now,
          ...(await narrowingOf(ctx, tx, given)),
        },
      });
      await recordAudit(tx, ctx, {
        action: "api_key.created",
        targetType: "ApiKey",
        targetId: encodeId("ApiKey", apiKey.id),
        details: { role: given.role },
      });
      return apiKey;
    });
    return { apiKey: row, key: repeated ? "" : minted.token };

    function findKey(id: string) {
      return tx.apiKey.findFirst({ where: { projectId, id } });
    }
  });
}

function assertOwnPermissions({ caller }: Context, role: Role, added: readonly Permission[]): void {
  const more = [...permissionsOf(role, added)].filter((permission) => !caller.permissions.has(permission));
  if (more.length === 0) return;
  throw new ForbiddenError(`A key cannot make one that may do more than itself; this key lacks ${more.join(", ")}.`);
}

/** The lists as stored. A narrowed key makes keys at most as wide: absent means its own list. */
async function narrowingOf(ctx: Context, tx: Tx, given: z.output<typeof createInput>) {
  const { projectId, apiKeyId } = ctx.caller;
  const own = await tx.apiKey.findFirstOrThrow({ where: { projectId, id: apiKeyId ?? "" } });
  const userIds = await userIdsOf(tx, projectId, given.users ?? []);
  return {
    connectorSlugs: within("connectorSlugs", own.connectorSlugs, given.connectorSlugs ?? []),
    userIds: within("users", own.userIds, userIds),
    methods: within("methods", own.methods, given.methods ?? []),
  };
}

function within(field: string, own: string[], wanted: readonly string[]): string[] {
  if (own.length === 0) return [...new Set(wanted)];
  if (wanted.length === 0) return own;
  const issues = wanted.flatMap((value, index) =>
    own.includes(value)
      ? []
      : [{ path: [field, String(index)], code: "NOT_ALLOWED" as const, message: "Your own key does not reach this." }],
  );
  if (issues.length > 0) throw new InvalidInputError(issues);
  return [...new Set(wanted)];
}

async function userIdsOf(tx: Tx, projectId: string, refs: readonly UserRef[]): Promise<string[]> {
  const ids: string[] = [];
  for (const [index, ref] of refs.entries()) {
    const user = await tx.user.findFirst({
      where: { AND: [{ projectId, deletedAt: null }, userRefWhere(ref)] },
      select: { id: true },
    });
    if (!user)
      throw InvalidInputError.at(
        ["users", String(index)],
        "NOT_FOUND",
        "There is no such user in this project. Create it with upsertUser first.",
      );
    ids.push(user.id);
  }
  return ids;
}

/** Ends a key at once, its open sockets included. A key that was revoked before stays as it is. */
export async function revokeApiKey(ctx: Context, input: { id: string }): Promise<{ apiKey: ApiKey }> {
  assertApiKey(ctx);
  assertMay(ctx, "API_KEY_MANAGE");
  const { projectId } = ctx.caller;
  const id = decodeId("ApiKey", input.id);
  return ctx.services.database.transact(async (tx) => {
    const apiKey = id ? await tx.apiKey.findFirst({ where: { projectId, id } }) : null;
    if (!apiKey) throw new NotFoundError("There is no such API key in this project. Check the id.");
    if (apiKey.revokedAt) return { apiKey };
    const revoked = await tx.apiKey.update({ where: { id: apiKey.id }, data: { revokedAt: tx.now } });
    await announce(tx, `token:${apiKey.id}`);
    await recordAudit(tx, ctx, { action: "api_key.revoked", targetType: "ApiKey", targetId: encodeId("ApiKey", apiKey.id) });
    return { apiKey: revoked };
  });
}

/** What a key may do: its role's permissions and its own. */
export function apiKeyPermissions(row: Pick<ApiKey, "role" | "permissions">): Permission[] {
  return [...permissionsOf(row.role as Role, row.permissions)];
}

/** Keys of the project; whoever may not manage keys sees its own only. */
export function visibleApiKeys({ caller }: Context): Prisma.ApiKeyWhereInput {
  if (caller.permissions.has("API_KEY_MANAGE")) return { projectId: caller.projectId };
  return { projectId: caller.projectId, id: caller.apiKeyId ?? { in: [] } };
}

/** For the root list. Throws ForbiddenError. */
export function apiKeyWhere(ctx: Context): Prisma.ApiKeyWhereInput {
  assertMay(ctx, "API_KEY_MANAGE");
  return visibleApiKeys(ctx);
}

export function apiKeyOrder(): Prisma.ApiKeyOrderByWithRelationInput[] {
  return [{ createdAt: "desc" }, { id: "desc" }];
}
