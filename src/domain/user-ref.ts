import type { Tx } from "../db/database.ts";
import type { Prisma, PrismaClient, User } from "../db/generated/client.ts";
import { NotFoundError } from "../lib/errors.ts";
import { decodeId } from "../lib/ids.ts";
import { isUserSession } from "./caller.ts";
import type { Context } from "./services.ts";

/** `input UserRef @oneOf`. */
export interface UserRef {
  id?: string | null;
  externalId?: string | null;
}

/** A Prisma client: the outer one for reads, or the transaction's. */
export type Db = PrismaClient | Tx;

/** The row that a reference names in the caller's project; for a user session only its own user exists. Throws NotFoundError. */
export async function resolveUser(ctx: Context, db: Db, ref: UserRef): Promise<User> {
  const user = await findUser(ctx, db, ref);
  if (!user) throw new NotFoundError("There is no such user in this project. Create it with upsertUser first.");
  return user;
}

/** Null where the caller may not see one. */
export async function findUser({ caller }: Context, db: Db, ref: UserRef): Promise<User | null> {
  const own = isUserSession(caller) ? { id: caller.userId ?? { in: [] } } : {};
  return db.user.findFirst({ where: { AND: [{ projectId: caller.projectId, deletedAt: null }, own, userRefWhere(ref)] } });
}

/** Narrows users to the one that the reference names; to nobody where it names none. */
export function userRefWhere(ref: UserRef): Prisma.UserWhereInput {
  const id = ref.id ? decodeId("User", ref.id) : null;
  if (id) return { id };
  return ref.externalId && !ref.id && !ref.externalId.includes("\0") ? { externalId: ref.externalId } : { id: { in: [] } };
}
