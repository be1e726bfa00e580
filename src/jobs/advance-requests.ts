import type { Services } from "../domain/services.ts";
import { advanceDue } from "../domain/unattended.ts";

/** Requests in which no browser comes to us: asks whether a device code has been entered, and gets an app the tokens of its own. */
export function advanceRequests(services: Services, signal: AbortSignal): Promise<void> {
  return advanceDue(services, signal);
}
