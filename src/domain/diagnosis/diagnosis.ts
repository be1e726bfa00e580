import { createRateLimit } from "../../lib/rate-limit.ts";
import { type Check, passed, skipped, warning } from "../../schemes/check.ts";
import { clockCheck, reach, tlsCheck } from "../../schemes/reach.ts";
import type { Context, Services } from "../services.ts";
import { keySetCheck, placesOf } from "./diagnose-places.ts";
import { checksOfScheme } from "./diagnose-scheme.ts";
import type { Subject } from "./diagnose-subject.ts";

/** The public `Diagnosis`. */
export interface Diagnosis {
  /** True where nothing has failed. */
  ok: boolean;
  checks: Check[];
}

/** For everything together, and for one request of it. */
const TOTAL_MS = 18_000;
const REQUEST_MS = 8_000;

const limit = createRateLimit(
  60,
  60_000,
  "Too many diagnoses: each makes some twenty requests to the provider. Try again in a moment.",
);

/** Throws RequestError RATE_LIMITED. Called when the input is known to be good, before anything leaves. */
export function countDiagnosis({ caller }: Context): void {
  limit.take(caller.projectId);
}

/** A dry run of the whole configuration: everything that can be told without a user, all at once, in some twenty seconds at most. */
export async function diagnose(services: Services, subject: Subject): Promise<Diagnosis> {
  const fetch = hurried(services.egress.fetch);
  const hurriedServices = { ...services, egress: { ...services.egress, fetch } };
  const { places, checks } = placesOf(subject);
  const [reached, ofScheme] = await Promise.all([
    Promise.all(places.map((place) => reach(place, fetch))),
    checksOfScheme(hurriedServices, subject, { fetch }),
  ]);
  const all = [
    ...checks,
    ...reached.map(({ check }) => check),
    ...reached.flatMap((place) => keySetCheck(place)),
    ...(reached.length > 0
      ? [tlsCheck(reached), clockCheck(reached)]
      : [skipped("TLS_VALID", "There is no address to look at.")]),
    ...ofScheme,
    ...secretCheck(subject, await services.database.now()),
  ];
  return { ok: all.every(({ outcome }) => outcome !== "FAILED"), checks: all };
}

/** Every request ends with the whole, whatever it was given. */
function hurried(fetch: Services["egress"]["fetch"]): Services["egress"]["fetch"] {
  const until = performance.now() + TOTAL_MS;
  return (url, init) => {
    const left = Math.max(1, until - performance.now());
    return fetch(url, { ...init, timeoutMs: Math.min(init?.timeoutMs ?? REQUEST_MS, REQUEST_MS, left) });
  };
}

const SOON_MS = 30 * 86_400_000;

function secretCheck({ client, clientSecretExpiresAt }: Subject, now: Date): Check[] {
  const name = "CLIENT_SECRET_CURRENT";
  if (!client?.clientSecret) return [];
  if (!clientSecretExpiresAt) return [skipped(name, "Nobody has said when the client secret runs out (clientSecretExpiresAt).")];
  const left = clientSecretExpiresAt.getTime() - now.getTime();
  const at = clientSecretExpiresAt.toISOString();
  const remedy = "Get a new one from the provider and enter it with updateAuthConfig.";
  if (left <= 0) return [{ name, outcome: "FAILED", message: `The client secret ran out at ${at}.`, remedy }];
  if (left < SOON_MS) return [warning(name, `The client secret runs out at ${at}.`, remedy)];
  return [passed(name, `The client secret is good until ${at}.`)];
}
