import type { Tx } from "../db/database.ts";
import { CHANNEL, type Topic } from "../events/announce.ts";
import { encodeId, newId } from "../lib/ids.ts";
import { CURSOR_BEFORE_THIS } from "./change-cursor.ts";

/** What the stored history has got one more of, as webhooks tell it. */
export interface HistoryEvent {
  /** With `credential.` or `connection_request.` before it, in small letters, one of `WEBHOOK_EVENTS`. */
  name: string;
  projectId: string;
  /** UUID of the credential or connection request that it happened to, and which event of its history it is. */
  subjectId: string;
  sequence: number;
  /** Of the credential or request: told with the id that the product itself gave. */
  userId: string | null;
  /** Ids and states: never a secret, and nothing that a provider wrote. */
  data: Record<string, unknown>;
}

/**
 * Announces events, and writes each for every webhook that wants it: in the transaction of the change, so that neither is without the
 * other, and by the one statement that an announcement takes anyway. Where nobody wants them, that finds no webhook and writes nothing.
 */
export async function announceEvents(tx: Tx, of: keyof typeof QUEUE, events: HistoryEvent[], topics: Topic[]): Promise<void> {
  const [first] = events;
  if (!first) return;
  const told = events.map(({ name, subjectId, sequence, userId, data }) => {
    const type = `${of}.${name.toLowerCase()}`;
    const user = userId && { id: encodeId("User", userId) };
    const payload = { type, timestamp: tx.now, data: { ...data, user } };
    return { eventId: newId(), type, patterns: [type, `${of}.*`, "*"], subjectId, sequence, userId, payload };
  });
  await tx.$executeRawUnsafe(QUEUE[of], first.projectId, JSON.stringify(told), topics, tx.now);
}

/** For each kind of history one text, which the database prepares once. */
const QUEUE = {
  credential: queueing({
    // What the history said last, so that whoever follows it sees no gap.
    previousStatus: `(SELECT h."status" FROM "CredentialEvent" h
      WHERE h."projectId" = $1::uuid AND h."credentialId" = e."subjectId" AND h."sequence" = e."sequence" - 1)`,
    cursor: CURSOR_BEFORE_THIS,
  }),
  connection_request: queueing({
    previousStatus: `(SELECT h."status" FROM "ConnectionEvent" h
      WHERE h."projectId" = $1::uuid AND h."requestId" = e."subjectId" AND h."sequence" = e."sequence" - 1)`,
  }),
};

/** `derived`: what the database adds to an event's data. The id is a UUIDv7 of the event's own time, another one for each webhook. */
function queueing(derived: Record<string, string>): string {
  // Who was deleted is told by the id that is ours: the product's own is erased.
  const user = `(
    SELECT e."payload" -> 'data' -> 'user' || jsonb_build_object('externalId', CASE WHEN u."deletedAt" IS NULL THEN u."externalId" END)
    FROM "User" u WHERE u."projectId" = $1::uuid AND u."id" = e."userId")`;
  const added = Object.entries({ ...derived, user }).map(([name, value]) => `'${name}', ${value}`);
  return `
    WITH queued AS (
      INSERT INTO "WebhookDelivery"
        ("id", "projectId", "webhookId", "eventId", "event", "subjectId", "sequence", "payload", "nextAttemptAt", "createdAt")
      SELECT (left(e."eventId"::text, 19) || substr(gen_random_uuid()::text, 20))::uuid, w."projectId", w."id", e."eventId", e."type",
        e."subjectId", e."sequence",
        jsonb_set(e."payload", '{data}', e."payload" -> 'data' || jsonb_build_object(${added.join(", ")})), $4, $4
      FROM "Webhook" w CROSS JOIN jsonb_to_recordset($2::jsonb) AS e("eventId" uuid, "type" text, "patterns" text[],
        "subjectId" uuid, "sequence" int, "userId" uuid, "payload" jsonb)
      WHERE w."projectId" = $1::uuid AND w."enabled" AND w."deletedAt" IS NULL AND w."events" && e."patterns"
      RETURNING 1
    )
    SELECT pg_notify('${CHANNEL}', "topic") FROM (
      SELECT unnest($3::text[]) AS "topic" UNION ALL (SELECT 'job:webhooks' FROM queued LIMIT 1)) AS told`;
}
