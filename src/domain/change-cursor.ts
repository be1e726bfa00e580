import { InvalidInputError } from "../lib/errors.ts";

/** The largest bigint of the database. */
const LAST_POSITION = 2n ** 63n - 1n;

/** How long the stream of changes is kept: as long as the log of webhooks' deliveries, each of which carries a cursor. */
export const KEEP_CHANGES_DAYS = 30;

/** A cursor of `credentialChanged`: a transaction id below which everything was over when the cursor was handed out. */
export function writeCursor(position: bigint): string {
  return Buffer.from(`c1:${position}`).toString("base64url");
}

/** Throws InvalidInputError. */
export function readCursor(cursor: string): bigint {
  const match = /^c1:(\d{1,19})$/.exec(Buffer.from(cursor, "base64url").toString());
  if (!match?.[1] || BigInt(match[1]) > LAST_POSITION)
    throw InvalidInputError.at(["after"], "PATTERN", "This is no cursor of credentialChanged. Leave `after` out to begin now.");
  return BigInt(match[1]);
}

/** Some of what came after the cursor is gone. */
export function forgotten(): InvalidInputError {
  return InvalidInputError.at(
    ["after"],
    "OUT_OF_RANGE",
    "This cursor is older than the changes that are kept, so some would be missed. Subscribe without `after`, then read the list of credentials.",
  );
}

/** In SQL, what {@link writeCursor} makes of the position before the transaction that asks. The database's base64 is not that of URLs. */
export const CURSOR_BEFORE_THIS = `translate(rtrim(
  encode(convert_to('c1:' || pg_snapshot_xmin(pg_current_snapshot())::text, 'UTF8'), 'base64'), '='), '+/', '-_')`;
