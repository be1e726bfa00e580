import type { Database, Tx } from "../db/database.ts";
import { encodeId, newId } from "../lib/ids.ts";
import { StartError } from "../lib/start-error.ts";
import { recordAuditAs } from "./audit.ts";
import { hashToken, mintToken, tokenKind, tokenPrefix } from "./tokens.ts";

export interface Bootstrap {
  /** UUID of the operator's project. */
  projectId: string;
  created: boolean;
  /** The first ADMIN key, where we made it: to be shown once, now or never. */
  generatedKey: string | null;
}

/**
 * Sees to it that there is the operator's project, and that the configured key opens it. Of several processes that start at once one
 * does it. A configured key that was revoked stays revoked. Throws where the configured key cannot be one.
 */
export async function ensureFirstProject(
  database: Database,
  config: { bootstrapApiKey: string | null; allowedReturnUrls: readonly string[]; corsOrigins: readonly string[] },
): Promise<Bootstrap> {
  if (config.bootstrapApiKey && tokenKind(config.bootstrapApiKey) !== "mlk_") {
    throw new StartError(
      "MOORLINE_BOOTSTRAP_API_KEY is mistyped, or has other than printable ASCII characters: its checksum does not fit.",
    );
  }
  return database.transact(async (tx) => {
    await tx.$executeRaw`LOCK TABLE "Project" IN SHARE ROW EXCLUSIVE MODE`;
    const existing = await tx.project.findFirst({ where: { isOperator: true }, select: { id: true } });
    const projectId = existing?.id ?? (await createOperatorProject(tx, config));
    const generatedKey = existing || config.bootstrapApiKey ? null : mintToken("mlk_").token;
    const key = config.bootstrapApiKey ?? generatedKey;
    if (key) await ensureKey(tx, projectId, key);
    return { projectId, created: !existing, generatedKey };
  });
}

async function createOperatorProject(
  tx: Tx,
  config: { allowedReturnUrls: readonly string[]; corsOrigins: readonly string[] },
): Promise<string> {
  const { id } = await tx.project.create({
    data: {
      id: newId(),
      name: "My product",
      isOperator: true,
      allowedReturnUrls: [...config.allowedReturnUrls],
      allowedOrigins: [...config.corsOrigins],
      createdAt: tx.now,
      updatedAt: tx.now,
    },
    select: { id: true },
  });
  await recordStart(tx, id, "project.created", id);
  return id;
}

async function ensureKey(tx: Tx, projectId: string, key: string): Promise<void> {
  const hash = hashToken(key);
  if (await tx.apiKey.findUnique({ where: { hash }, select: { id: true } })) return;
  const id = newId();
  await tx.apiKey.create({
    data: { id, projectId, name: "First key", role: "ADMIN", prefix: tokenPrefix(key), hash, createdAt: tx.now },
    select: { id: true },
  });
  await recordStart(tx, projectId, "api_key.created", id);
}

async function recordStart(
  tx: Tx,
  projectId: string,
  action: "project.created" | "api_key.created",
  targetId: string,
): Promise<void> {
  const actor = { projectId, actorType: null, actorId: null, actorLabel: "Start of the server", ip: null };
  const targetType = action === "project.created" ? "Project" : "ApiKey";
  await recordAuditAs(tx, actor, { action, targetType, targetId: encodeId(targetType, targetId) });
}
