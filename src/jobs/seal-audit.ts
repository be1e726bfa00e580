import { sealAuditEvents } from "../domain/audit-chain.ts";
import type { Services } from "../domain/services.ts";
import { underLease } from "./runner.ts";

const LEASE_SECONDS = 60;
/** A run ends before its lease does; the next one goes on. */
const RUN_MS = 45_000;

/** Seals what has been written since the last run into each project's chain. The chain's own row lock decides, should two ever run. */
export function sealAudit(services: Services, signal: AbortSignal): Promise<unknown> {
  const stop = AbortSignal.any([signal, AbortSignal.timeout(RUN_MS)]);
  return underLease(services, "seal-audit", LEASE_SECONDS, () => sealAuditEvents(services, stop));
}
