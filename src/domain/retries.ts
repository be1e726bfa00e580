import type { ConnectionRequest, Prisma } from "../db/generated/client.ts";

/** How long after the end of a request its hosted page can still be read, and tried again from. */
export const AFTERMATH_SECONDS = 900;

/** How often one link may be tried again with. */
export const MAX_RETRIES = 10;

/** Where the chain of retries begins that a request belongs to: a UUID. */
export function firstOf({ id, firstId }: Pick<ConnectionRequest, "id" | "firstId">): string {
  return firstId ?? id;
}

/** The requests of a chain, by the UUID of its first. */
export function ofChain(firstId: string): Prisma.ConnectionRequestWhereInput {
  return { OR: [{ id: firstId }, { firstId }] };
}
