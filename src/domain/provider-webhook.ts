import { createHash } from "node:crypto";
import { atPath, textAt } from "../catalogue/paths.ts";
import type { WebhookDefinition, WebhookValue } from "../catalogue/types.ts";
import type { AuthConfig } from "../db/generated/client.ts";
import { CHANNEL } from "../events/announce.ts";
import { RequestError } from "../lib/errors.ts";
import { decodeId, encodeId, newId } from "../lib/ids.ts";
import { count } from "../lib/metrics.ts";
import { checkSignature, type Refusal, type SignedCall } from "../schemes/webhook-signature.ts";
import { getConnector } from "./connector-view.ts";
import { clientOf, configWebhookSecret } from "./oauth-client.ts";
import type { Services } from "./services.ts";
import { PROVIDER_WEBHOOK } from "./webhook-events.ts";

/** The text that the provider wants to hear; null: an empty answer will do. */
export interface ProviderWebhookAnswer {
  challenge: string | null;
}

export const PROVIDER_WEBHOOK_PATH = "/webhooks/";

const REFUSALS: Record<Refusal, string> = {
  SIGNATURE_MISSING: "This webhook is not signed as the provider signs: a header is missing.",
  SIGNATURE_WRONG: "The signature is not one of the secret that the auth config holds.",
  TOO_OLD: "It was signed more than five minutes ago, or a clock is wrong.",
};

/**
 * Takes what a provider posted to an auth config's `webhookUrl`: checks its signature, and passes it on to every webhook of the project
 * that wants `provider_webhook.received`. A call that the provider repeats under the same id is passed on once. Throws RequestError 404 or 401.
 */
export async function receiveProviderWebhook(
  services: Services,
  publicId: string,
  call: SignedCall,
): Promise<ProviderWebhookAnswer> {
  const { config, definition } = await findReceiver(services, publicId);
  const secret = await secretOf(services, config, definition);
  if (!secret) throw refuse("NO_SECRET", "This auth config holds no secret to check webhooks with: set its webhookSecret.");
  const refusal = checkSignature(definition.signature, secret, call, await services.database.now());
  if (refusal) {
    services.log.warn({ authConfigId: publicId, refusal }, "a provider's webhook was refused");
    throw refuse(refusal, REFUSALS[refusal]);
  }
  const message = readMessage(call);
  const challenge = challengeIn(definition, message.body);
  count("provider_webhooks", { outcome: challenge === null ? "received" : "challenge" });
  if (challenge === null) await passOn(services, config, await told(services, config, definition, call, message));
  return { challenge };
}

/** Where the provider posts to. */
export function providerWebhookUrl({ publicUrl }: Pick<Services, "publicUrl">, id: string): string {
  return `${publicUrl}${PROVIDER_WEBHOOK_PATH}${encodeId("AuthConfig", id)}`;
}

async function findReceiver(services: Services, publicId: string) {
  const id = decodeId("AuthConfig", publicId);
  const config = id
    ? await services.database.prisma.authConfig.findFirst({ where: { id, deletedAt: null, enabled: true } })
    : null;
  const connector = config && (await getConnector(services, config.projectId, config.connectorSlug));
  if (!config || !connector?.webhooks) throw new RequestError("BAD_REQUEST", "Nothing takes webhooks at this address.", 404);
  return { config, definition: connector.webhooks };
}

async function secretOf(services: Services, config: AuthConfig, { secret }: WebhookDefinition) {
  if (secret === "CLIENT_SECRET") return (await clientOf(services, config))?.clientSecret ?? null;
  return config.hasWebhookSecret ? services.vault.open(services.database, configWebhookSecret(config)) : null;
}

function refuse(outcome: Refusal | "NO_SECRET", message: string): RequestError {
  count("provider_webhooks", { outcome: outcome.toLowerCase() });
  return new RequestError("UNAUTHENTICATED", message, 401);
}

interface Message {
  /** A JSON value, a text, or bytes in base64. */
  body: unknown;
  encoding: "json" | "text" | "base64";
}

function readMessage({ body }: SignedCall): Message {
  const text = body.toString("utf8");
  // The database keeps no NUL in a text, and bytes that are no UTF-8 would come out changed.
  if (text.includes("\0") || !Buffer.from(text).equals(body)) return { body: body.toString("base64"), encoding: "base64" };
  try {
    const value: unknown = JSON.parse(text);
    if (!/\\u0000|\\ud[89a-f]/i.test(text)) return { body: value, encoding: "json" };
  } catch {
    // A form, XML, or nothing at all.
  }
  return { body: text, encoding: "text" };
}

function challengeIn({ challenge }: WebhookDefinition, body: unknown): string | null {
  if (!challenge || atPath(body, challenge.path) !== challenge.equals) return null;
  return textAt(body, [challenge.answer]);
}

function valueIn(value: WebhookValue | undefined, call: SignedCall, body: unknown): string | null {
  if (!value) return null;
  return "header" in value ? call.header(value.header) : textAt(body, [value.path]);
}

/** At most so many credentials of one account are named. */
const MAX_CREDENTIALS = 100;

interface Told {
  eventId: string;
  payload: object;
}

async function told(
  services: Services,
  config: AuthConfig,
  definition: WebhookDefinition,
  call: SignedCall,
  message: Message,
): Promise<Told> {
  const id = valueIn(definition.id, call, message.body);
  const accountId = valueIn(definition.account, call, message.body);
  const credentials = accountId
    ? await services.database.prisma.credential.findMany({
        where: { projectId: config.projectId, authConfigId: config.id, accountId, deletedAt: null },
        select: { id: true },
        orderBy: { id: "asc" },
        take: MAX_CREDENTIALS,
      })
    : [];
  const data = {
    authConfigId: encodeId("AuthConfig", config.id),
    connector: config.connectorSlug,
    event: valueIn(definition.event, call, message.body),
    providerEventId: id,
    accountId,
    credentialIds: credentials.map((credential) => encodeId("Credential", credential.id)),
    contentType: call.header("content-type"),
    ...message,
  };
  const timestamp = await services.database.now();
  // Without an id two calls with the same body may be two events.
  return { eventId: id === null ? newId() : eventIdOf(config, id), payload: { type: PROVIDER_WEBHOOK, timestamp, data } };
}

/** The same for the same call, however often it is repeated (UUIDv8, RFC 9562 section 5.8). */
function eventIdOf(config: AuthConfig, id: string): string {
  const hash = createHash("sha256").update(config.id).update(id).digest("hex");
  return `${hash.slice(0, 8)}-${hash.slice(8, 12)}-8${hash.slice(13, 16)}-8${hash.slice(17, 20)}-${hash.slice(20, 32)}`;
}

async function passOn({ database }: Services, config: AuthConfig, { eventId, payload }: Told): Promise<void> {
  await database.query("provider_webhook", PASS_ON, [
    config.projectId,
    config.id,
    eventId,
    PROVIDER_WEBHOOK,
    JSON.stringify(payload),
    newId(),
  ]);
}

/** By one statement, as announcements are: written for every webhook that wants it and has not had it yet. */
const PASS_ON = `
  WITH queued AS (
    INSERT INTO "WebhookDelivery"
      ("id", "projectId", "webhookId", "eventId", "event", "subjectId", "sequence", "payload", "nextAttemptAt", "createdAt")
    SELECT (left($6, 19) || substr(gen_random_uuid()::text, 20))::uuid, w."projectId", w."id", $3::uuid, $4, $2::uuid, 0, $5::jsonb,
      moorline_now(), moorline_now()
    FROM "Webhook" w
    WHERE w."projectId" = $1::uuid AND w."enabled" AND w."deletedAt" IS NULL AND w."events" && ARRAY[$4, '*']
      AND NOT EXISTS (SELECT 1 FROM "WebhookDelivery" d
        WHERE d."webhookId" = w."id" AND d."subjectId" = $2::uuid AND d."eventId" = $3::uuid)
    RETURNING 1
  )
  SELECT pg_notify('${CHANNEL}', 'job:webhooks') FROM (SELECT 1 FROM queued LIMIT 1) AS any_of_them`;
