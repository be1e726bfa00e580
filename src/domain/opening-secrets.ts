import type { ConnectionRequest, Opening } from "../db/generated/client.ts";
import type { FlowSecrets } from "./redirect-flow.ts";
import type { Services } from "./services.ts";

/** The secrets of an opening have served: nothing of them stays. */
export async function forgetOpening(services: Services, opening: Opening): Promise<void> {
  await services.database.transact((tx) =>
    services.vault.destroy(tx, { projectId: opening.projectId, table: "Opening", id: opening.id }),
  );
}

/** What an opening sealed; null: it was forgotten, because it has served. */
export async function flowSecrets(services: Services, request: ConnectionRequest, opening: Opening): Promise<FlowSecrets | null> {
  const sealed = await services.vault.open(services.database, flowAddress(request, opening.id));
  return sealed && (JSON.parse(sealed.reveal()) as FlowSecrets);
}

export function flowAddress(request: ConnectionRequest, openingId: string) {
  return {
    projectId: request.projectId,
    scope: request.userId ?? "project",
    table: "Opening",
    id: openingId,
    column: "flow",
    generation: 1,
  };
}
