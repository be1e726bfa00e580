import { type AuditActor, type AuditEntry, recordAuditAs } from "./audit.ts";
import type { Services } from "./services.ts";

const AGAIN_AFTER_MS = 60_000;
const MAX_KNOWN = 10_000;

const noted = new WeakMap<Services, Map<string, number>>();

/**
 * Somebody was refused who is no caller: `access.denied`, for what they held (`key`) once a minute at most in each process, so that
 * nobody fills a project's audit log from outside. Beside the refusal, not before it.
 */
export function noteDenial(services: Services, key: string, by: AuditActor, entry: Omit<AuditEntry, "action" | "outcome">): void {
  const known = noted.get(services) ?? new Map<string, number>();
  noted.set(services, known);
  const now = performance.now();
  if (now - (known.get(key) ?? Number.NEGATIVE_INFINITY) < AGAIN_AFTER_MS) return;
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(key, now);
  services.database
    .transact((tx) => recordAuditAs(tx, by, { ...entry, action: "access.denied", outcome: "DENIED" }))
    .catch((error: unknown) => services.log.warn({ err: error }, "a refused access was not put on record"));
}
