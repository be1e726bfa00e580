/** One request that the token endpoint saw. No token is kept. */
export interface TokenLogEntry {
  /** ISO 8601, when the request arrived. */
  at: string;
  /** As the request claims; null where it names none. */
  clientId: string | null;
  grantType: string | null;
  /** "pending", "ok", the error code, "dropped" (the work was done, the answer never sent) or "hung_up" (the client left). */
  outcome: string;
  /** HTTP status as sent; null while pending. */
  status: number | null;
  /** The first 16 hex digits of the presented refresh token's SHA-256, to tell tokens apart. */
  refreshTokenHash?: string;
}

export interface TokenLog {
  begin(request: { clientId?: string; grantType?: string; refreshTokenHash?: string }): TokenLogEntry;
  end(entry: TokenLogEntry, outcome: string, status?: number): void;
  /** Oldest first, at most the last 10,000. */
  list(): TokenLogEntry[];
  clear(): void;
}

const KEEP = 10_000;

export function createTokenLog(): TokenLog {
  let entries: TokenLogEntry[] = [];
  return {
    begin({ clientId, grantType, refreshTokenHash }) {
      const at = new Date().toISOString();
      const entry: TokenLogEntry = {
        at,
        clientId: clientId ?? null,
        grantType: grantType ?? null,
        outcome: "pending",
        status: null,
      };
      if (refreshTokenHash) entry.refreshTokenHash = refreshTokenHash;
      entries.push(entry);
      if (entries.length > KEEP * 1.1) entries = entries.slice(-KEEP);
      return entry;
    },
    end(entry, outcome, status) {
      entry.outcome = outcome;
      entry.status = status ?? null;
    },
    list: () => entries.slice(-KEEP).map((entry) => ({ ...entry })),
    clear() {
      entries = [];
    },
  };
}
