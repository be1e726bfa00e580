import { Webhook as Signer } from "standardwebhooks";
import type { Database, Tx } from "../db/database.ts";
import type { Webhook } from "../db/generated/client.ts";
import { ConflictError } from "../lib/errors.ts";
import { Secret } from "../lib/secret.ts";
import type { Services } from "./services.ts";

const DAY_MS = 86_400_000;
/** Each makes the header of every delivery longer. */
const MAX_PREVIOUS = 10;

type Identity = Pick<Webhook, "projectId" | "id" | "secretGeneration">;

/** Sealed together, beside the present one: what signs for a while yet. */
interface PreviousSecret {
  secret: string;
  /** ISO 8601. */
  until: string;
}

function address({ projectId, id, secretGeneration }: Identity, column: "secret" | "previousSecrets") {
  return { projectId, scope: "project", table: "Webhook", id, column, generation: secretGeneration };
}

export function sealFirstSecret(tx: Tx, { vault }: Services, webhook: Webhook, secret: Secret): Promise<void> {
  return vault.seal(tx, address(webhook, "secret"), secret);
}

/** The present one becomes a previous one. A rotation that is repeated, because its answer was lost, cuts nobody off. Throws ConflictError. */
export async function sealNextSecret(tx: Tx, services: Services, before: Webhook, secret: Secret): Promise<Webhook> {
  const { vault } = services;
  const present = await vault.open(tx, address(before, "secret"));
  const until = new Date(tx.now.getTime() + DAY_MS);
  const previous = (await previousSecrets(tx, services, before)).filter((one) => new Date(one.until) > tx.now);
  if (previous.length >= MAX_PREVIOUS)
    throw new ConflictError(
      "CONFLICT",
      `This secret was rotated ${MAX_PREVIOUS} times within a day. Wait until the oldest one has ended.`,
    );
  if (present) previous.unshift({ secret: present.reveal(), until: until.toISOString() });
  const webhook = await tx.webhook.update({
    where: { id: before.id },
    data: { secretGeneration: { increment: 1 }, previousSecretUntil: until, updatedAt: tx.now },
  });
  await vault.seal(tx, address(webhook, "secret"), secret);
  await vault.seal(tx, address(webhook, "previousSecrets"), new Secret(JSON.stringify(previous)));
  return webhook;
}

async function previousSecrets(db: Database | Tx, { vault }: Services, webhook: Identity): Promise<PreviousSecret[]> {
  const sealed = await vault.open(db, address(webhook, "previousSecrets"));
  return sealed ? (JSON.parse(sealed.reveal()) as PreviousSecret[]) : [];
}

/** What is sent: signed by Standard Webhooks, with every secret that is good at `at`, the present one first. Null: there is none any more. */
export async function signedHeaders(
  services: Services,
  webhook: Identity & Pick<Webhook, "previousSecretUntil">,
  message: { id: string; at: Date; body: string },
): Promise<Record<string, string> | null> {
  const { id, at, body } = message;
  const present = await services.vault.open(services.database, address(webhook, "secret"));
  if (!present) return null;
  const isSigning = webhook.previousSecretUntil !== null && webhook.previousSecretUntil > at;
  const previous = isSigning ? await previousSecrets(services.database, services, webhook) : [];
  const good = previous.filter(({ until }) => new Date(until) > at).map(({ secret }) => secret);
  return {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": [present.reveal(), ...good].map((secret) => new Signer(secret).sign(id, at, body)).join(" "),
  };
}
