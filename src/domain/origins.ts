import type { Services } from "./services.ts";

/** How long a list may be used, and how soon a stranger's origin may cause another look (a project may just have added it). */
const FRESH_MS = 5_000;
const RECHECK_MS = 250;

/** Whether any project names an origin as its front end's: all that can be asked before a token is known (a preflight, an upgrade). */
export type OriginList = (origin: string) => Promise<boolean>;

export function createOriginList(services: Services): OriginList {
  let known: ReadonlySet<string> = new Set();
  let readAt = Number.NEGATIVE_INFINITY;
  let reading: Promise<void> | null = null;
  services.hub.subscribe("origins:changed", () => {
    readAt = Number.NEGATIVE_INFINITY;
  });

  async function read(): Promise<void> {
    const rows = await services.database.query<{ origin: string }>(
      "allowed_origins",
      `SELECT DISTINCT unnest("allowedOrigins") AS origin FROM "Project" WHERE "deletedAt" IS NULL`,
      [],
    );
    known = new Set(rows.map((row) => row.origin));
    readAt = performance.now();
  }

  return async function isAllowed(origin) {
    const age = performance.now() - readAt;
    if (age > (known.has(origin) ? FRESH_MS : RECHECK_MS)) {
      reading ??= read().finally(() => {
        reading = null;
      });
      await reading;
    }
    return known.has(origin);
  };
}
