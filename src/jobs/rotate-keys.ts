import { carryOnRotations } from "../domain/key-rotation.ts";
import type { Services } from "../domain/services.ts";
import { underLease } from "./runner.ts";

const LEASE_SECONDS = 60;
/** A run ends before its lease does; the next one goes on. */
const RUN_MS = 45_000;

/** Carries on what `rotateKeys` has started. One process at a time, for peace only: two would not get into each other's way. */
export function rotateKeysJob(services: Services, signal: AbortSignal): Promise<unknown> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(RUN_MS)]);
  return underLease(services, "rotate-keys", LEASE_SECONDS, () => carryOnRotations(services, stop));
}
