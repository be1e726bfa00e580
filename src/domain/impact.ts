import type { Prisma } from "../db/database.ts";
import { type ImpactSummary, InUseError } from "../lib/errors.ts";
import { credentialImpact } from "./credential.ts";
import type { Context } from "./services.ts";

/**
 * Throws InUseError, unless confirmed, where credentials or open requests hang on what is to be changed. It looks before the
 * transaction begins: what comes in between is treated as the confirmed rest would be, never left hanging.
 */
export async function assertUnused(
  ctx: Context,
  where: Prisma.CredentialWhereInput,
  confirm: boolean | null | undefined,
  message: string,
): Promise<void> {
  if (confirm) return;
  const impact = await credentialImpact(ctx, where);
  if (isTouched(impact)) throw inUse(message, impact);
}

export function isTouched(impact: ImpactSummary): boolean {
  return impact.credentialCount + impact.pendingRequestCount > 0;
}

export function inUse(message: string, impact: ImpactSummary): InUseError {
  const users = impact.userCount === 1 ? "1 user" : `${impact.userCount} users`;
  const credentials = `Credentials: ${impact.credentialCount} of ${users}, active ones: ${impact.activeCredentialCount}`;
  const counted = `${credentials}; requests under way: ${impact.pendingRequestCount}.`;
  return new InUseError(`${message} ${counted} Repeat with confirm: true to go on.`, impact);
}
