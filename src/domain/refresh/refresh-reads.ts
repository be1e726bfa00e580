import type { Grant } from "../../db/generated/client.ts";
import { type StoredTokens, tokensAddress } from "../credential-tokens.ts";
import type { Services } from "../services.ts";
import { findOutcome } from "./refresh-store.ts";
import type { Loaded } from "./renew-tokens.ts";

type Ref = { projectId: string; id: string };

/** Null where there is none, or it has no grant. */
export async function load({ database }: Services, { projectId, id }: Ref): Promise<Loaded | null> {
  const row = await database.prisma.credential.findFirst({
    where: { id, projectId, deletedAt: null },
    include: { grant: true, authConfig: true },
  });
  return row?.grant ? { ...row, grant: row.grant } : null;
}

/** Null where the grant has moved on since it was read, and its tokens with it. Throws where they are there and do not open. */
export async function openTokens(services: Services, { grant, ...credential }: Loaded): Promise<StoredTokens | null> {
  try {
    const secret = await services.vault.open(services.database, tokensAddress(credential, grant.generation));
    if (secret) return JSON.parse(secret.reveal()) as StoredTokens;
  } catch (error) {
    if (!(await hasMovedOn(services, credential, grant))) throw error;
    return null;
  }
  if (await hasMovedOn(services, credential, grant)) return null;
  throw new Error("A credential's tokens are missing from the vault.");
}

async function hasMovedOn({ database }: Services, { projectId, id }: Ref, grant: Grant): Promise<boolean> {
  const present = await database.prisma.credential.findFirst({
    where: { projectId, id, deletedAt: null },
    include: { grant: true },
  });
  return present?.grant?.generation !== grant.generation || present.health === "REVOKED";
}

/** INVALID, but with tokens that came late and have yet to be tried. */
export async function isLateAnswer({ database }: Services, { health, grant }: Loaded): Promise<boolean> {
  return health === "INVALID" && (await findOutcome(database.prisma, grant, grant.generation - 1, ["LATE"])) !== null;
}
