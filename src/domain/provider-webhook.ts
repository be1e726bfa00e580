import { createHash } from "node:crypto";
import type { WebhookDefinition } from "../catalogue/types.ts";
import type { AuthConfig } from "../db/generated/client.ts";
import { CHANNEL } from "../events/announce.ts";
import { RequestError } from "../lib/errors.ts";
import { decodeId, encodeId, newId } from "../lib/ids.ts";
import { count } from "../lib/metrics.ts";
import { createRateLimit } from "../lib/rate-limit.ts";
import type { Secret } from "../lib/secret.ts";
import type { SignedCall } from "../schemes/webhook-call.ts";
import { checkSignature, type Refusal } from "../schemes/webhook-signature.ts";
import { getConnector } from "./connector-view.ts";
import { clientOf, configWebhookSecret } from "./oauth-client.ts";
import { type ProviderWebhook, readProviderWebhook } from "./provider-webhook-message.ts";
import {
  answerTo,
  type ProviderQuestion,
  type ProviderWebhookAnswer,
  type QuestionRefusal,
  questionIn,
  thanksFor,
  verifyTokenOf,
} from "./provider-webhook-question.ts";
import type { Services } from "./services.ts";
import { PROVIDER_WEBHOOK } from "./webhook-events.ts";

export const PROVIDER_WEBHOOK_PATH = "/webhooks/";

const REFUSALS: Record<Refusal | QuestionRefusal, string> = {
  SIGNATURE_MISSING: "This webhook is not signed as the provider signs: a header is missing.",
  SIGNATURE_WRONG: "The signature is not one of the secret that the auth config holds.",
  TOO_OLD: "It was signed more than five minutes ago, or a clock is wrong.",
  OTHER_ADDRESS: "It was signed for another address than the auth config's webhookUrl.",
  VERIFY_TOKEN_WRONG: "The verify token is not the auth config's webhookVerifyToken.",
  QUESTION_ODD: "This is not what the provider asks here.",
};

/** Wrong verify tokens in a minute. A provider asks once, when somebody has pressed a button. */
const guesses = createRateLimit(10, 60_000, "Too many wrong verify tokens came from this address. Wait a minute.");

interface Receiver {
  config: AuthConfig;
  definition: WebhookDefinition;
}

/**
 * Takes what a provider posted to an auth config's `webhookUrl`: checks its signature, and passes it on to every webhook of the project
 * that wants `provider_webhook.received`. A call that the provider repeats under the same id is passed on once. A question is answered, and
 * passed on to nobody. `from`: what wrong verify tokens are counted by, beside the config. Throws RequestError 404, 401, 400 or 429.
 */
export async function receiveProviderWebhook(
  services: Services,
  publicId: string,
  call: SignedCall,
  from: string,
): Promise<ProviderWebhookAnswer> {
  const receiver = await findReceiver(services, publicId);
  if (!receiver) throw new RequestError("BAD_REQUEST", "Nothing takes webhooks at this address.", 404);
  const { config, definition } = receiver;
  const secret = await demandSecret(services, receiver);
  const question = questionIn(definition, call);
  if (question && !question.isSigned) return answer(services, config, question, { secret, from });
  const refusal = await checkSignature(definition.signature, secret, call, await services.database.now());
  if (refusal) throw refuse(services, config, refusal);
  if (question) return answer(services, config, question, { secret, from });
  count("provider_webhooks", { outcome: "received" });
  await passOn(services, config, await told(services, config, readProviderWebhook(definition, call)));
  return thanksFor(definition);
}

/** What a provider asks by another method than POST. Null: nobody asks like that here. Throws RequestError 401, 400 or 429. */
export async function answerProviderQuestion(
  services: Services,
  publicId: string,
  call: SignedCall,
  from: string,
): Promise<ProviderWebhookAnswer | null> {
  const receiver = await findReceiver(services, publicId);
  if (receiver?.definition.challenge?.method !== call.method) return null;
  const secret = await demandSecret(services, receiver);
  const question = questionIn(receiver.definition, call);
  if (!question) throw refuse(services, receiver.config, "QUESTION_ODD");
  return answer(services, receiver.config, question, { secret, from });
}

/** Where the provider posts to. */
export function providerWebhookUrl({ publicUrl }: Pick<Services, "publicUrl">, id: string): string {
  return `${publicUrl}${PROVIDER_WEBHOOK_PATH}${encodeId("AuthConfig", id)}`;
}

/** What to enter at a provider that asks with a verify token. Null: it does not, or its webhooks could not be checked yet. */
export async function providerVerifyToken(
  services: Services,
  config: AuthConfig,
  definition: WebhookDefinition | undefined,
): Promise<string | null> {
  if (!definition?.challenge?.verifyToken) return null;
  const secret = await secretOf(services, { config, definition });
  return secret && verifyTokenOf(secret, config.id);
}

async function findReceiver(services: Services, publicId: string): Promise<Receiver | null> {
  const id = decodeId("AuthConfig", publicId);
  const config = id
    ? await services.database.prisma.authConfig.findFirst({ where: { id, deletedAt: null, enabled: true } })
    : null;
  const connector = config && (await getConnector(services, config.projectId, config.connectorSlug));
  return config && connector?.webhooks ? { config, definition: connector.webhooks } : null;
}

async function demandSecret(services: Services, receiver: Receiver): Promise<Secret> {
  const secret = await secretOf(services, receiver);
  if (secret) return secret;
  count("provider_webhooks", { outcome: "no_secret" });
  const message =
    receiver.definition.secret === "CLIENT_SECRET"
      ? "This auth config has no client secret to check webhooks with."
      : "This auth config holds no secret to check webhooks with: set its webhookSecret.";
  throw new RequestError("UNAUTHENTICATED", message, 401);
}

async function secretOf(services: Services, { config, definition: { secret } }: Receiver): Promise<Secret | null> {
  if (secret === "CLIENT_SECRET") return (await clientOf(services, config))?.clientSecret ?? null;
  return config.hasWebhookSecret ? services.vault.open(services.database, configWebhookSecret(config)) : null;
}

function answer(
  services: Services,
  config: AuthConfig,
  question: ProviderQuestion,
  { secret, from }: { secret: Secret; from: string },
): ProviderWebhookAnswer {
  const key = `${config.id} ${from}`;
  guesses.take(key);
  const answered = answerTo(question, { secret, expectedToken: verifyTokenOf(secret, config.id) });
  if (answered !== "VERIFY_TOKEN_WRONG") guesses.giveBack(key);
  if (typeof answered === "string") throw refuse(services, config, answered);
  count("provider_webhooks", { outcome: "challenge" });
  return answered;
}

function refuse(services: Services, config: AuthConfig, refusal: Refusal | QuestionRefusal): RequestError {
  count("provider_webhooks", { outcome: refusal.toLowerCase() });
  services.log.warn({ authConfigId: encodeId("AuthConfig", config.id), refusal }, "a provider's webhook was refused");
  return refusal === "QUESTION_ODD"
    ? new RequestError("BAD_REQUEST", REFUSALS[refusal], 400)
    : new RequestError("UNAUTHENTICATED", REFUSALS[refusal], 401);
}

/** At most so many credentials of one account are named. */
const MAX_CREDENTIALS = 100;

interface Told {
  eventId: string;
  payload: object;
}

async function told(services: Services, config: AuthConfig, message: ProviderWebhook): Promise<Told> {
  const { providerEventId: id, accountId } = message;
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
    credentialIds: credentials.map((credential) => encodeId("Credential", credential.id)),
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
