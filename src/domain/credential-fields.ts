import type { ConnectionValues } from "../catalogue/types.ts";
import type { AuthConfig, Credential } from "../db/generated/client.ts";
import { ConflictError } from "../lib/errors.ts";
import { fieldParameters } from "./auth-config-view.ts";
import type { Services } from "./services.ts";

/** The config's parameters and presets, the user's own values over them, and what the provider told on the way. */
export function mergeValues(
  authConfig: Pick<AuthConfig, "parameters">,
  presets: Record<string, unknown>,
  credential: Pick<Credential, "parameters">,
  fields: Record<string, unknown>,
): ConnectionValues {
  return { ...fieldParameters(authConfig), ...presets, ...(credential.parameters as object), ...fields };
}

/** Where the secrets that a user typed are sealed: one blob of all of them. */
export function fieldsAddress(credential: Pick<Credential, "projectId" | "id" | "userId" | "secretGeneration">) {
  return {
    projectId: credential.projectId,
    scope: credential.userId ?? "project",
    table: "Credential",
    id: credential.id,
    column: "fields",
    generation: credential.secretGeneration,
  };
}

/** The secret values that the user typed; those that are no secret are in the row's `parameters`. Throws ReplacedError. */
export async function fieldsOf(services: Services, credential: Credential): Promise<Record<string, unknown>> {
  if (credential.secretGeneration === 0) return {};
  try {
    const sealed = await services.vault.open(services.database, fieldsAddress(credential));
    if (sealed) return JSON.parse(sealed.reveal()) as Record<string, unknown>;
  } catch (error) {
    if (!(await wasReplaced(services, credential))) throw error;
    throw new ReplacedError();
  }
  if (await wasReplaced(services, credential)) throw new ReplacedError();
  throw new Error("A credential's fields are missing from the vault.");
}

/** The secrets were replaced, or ended with their credential, since its row was read. */
export class ReplacedError extends ConflictError {
  constructor() {
    super("STALE_VERSION", "The credential was changed in the meantime. Read it again and repeat.");
  }
}

async function wasReplaced({ database }: Services, { projectId, id, secretGeneration }: Credential): Promise<boolean> {
  const present = await database.prisma.credential.findFirst({ where: { projectId, id, deletedAt: null } });
  return present?.secretGeneration !== secretGeneration || present.health === "REVOKED";
}
