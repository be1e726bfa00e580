import { removeDue } from "../domain/client-removal.ts";
import type { Services } from "../domain/services.ts";

/** Removes clients that were registered at a provider and that nobody needs any more, for at most a day each. */
export function deregisterClients(services: Services, signal: AbortSignal): Promise<void> {
  return removeDue(services, signal);
}
