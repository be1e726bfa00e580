import { createHmac, hkdfSync } from "node:crypto";
import type { WebhookChallenge, WebhookDefinition } from "../catalogue/types.ts";
import type { Secret } from "../lib/secret.ts";
import { type SignedCall, valueIn } from "../schemes/webhook-call.ts";
import { isSameText } from "../schemes/webhook-signature.ts";

/** What a provider hears of us. `contentType` null: there is no body. */
export interface ProviderWebhookAnswer {
  contentType: string | null;
  text: string;
}

/** A provider's question, before it lets an address be its webhooks'. */
export interface ProviderQuestion {
  challenge: WebhookChallenge;
  /** Then its signature has to be checked first. */
  isSigned: boolean;
  /** What it wants to hear again, and the verify token that it knows; null: neither. */
  echo: string | null;
  verifyToken: string | null;
}

export type QuestionRefusal = "VERIFY_TOKEN_WRONG" | "QUESTION_ODD";

/** Of letters, digits and little more: nothing that a browser could take for markup, whatever it takes the answer for. */
const HARMLESS = /^[\w .,:;=+/~-]{1,1024}$/;

/** Null: this call asks nothing. */
export function questionIn({ challenge }: WebhookDefinition, call: SignedCall): ProviderQuestion | null {
  if (challenge?.method !== call.method) return null;
  const { when, echo, verifyToken } = challenge;
  if (when && valueIn(call, when) !== when.equals) return null;
  const wanted = echo ? valueIn(call, echo) : null;
  if (echo && wanted === null) return null;
  const token = verifyToken ? valueIn(call, verifyToken) : null;
  return { challenge, isSigned: challenge.signed === true, echo: wanted, verifyToken: token };
}

export function answerTo(
  { challenge, echo, verifyToken }: ProviderQuestion,
  { secret, expectedToken }: { secret: Secret; expectedToken: string },
): ProviderWebhookAnswer | QuestionRefusal {
  if (challenge.verifyToken && !isSameText(verifyToken ?? "", expectedToken)) return "VERIFY_TOKEN_WRONG";
  if (echo === null) return { contentType: null, text: "" };
  if (!HARMLESS.test(echo)) return "QUESTION_ODD";
  if (!challenge.answer) return { contentType: "text/plain; charset=utf-8", text: echo };
  const values = { "{echo}": () => echo, "{hmac}": () => createHmac("sha256", secret.reveal()).update(echo).digest("hex") };
  const members = Object.entries(challenge.answer).map(([name, value]) => [name, values[value]()]);
  return { contentType: "application/json; charset=utf-8", text: JSON.stringify(Object.fromEntries(members)) };
}

/** To an event. */
export function thanksFor({ emptyAnswer }: WebhookDefinition): ProviderWebhookAnswer {
  if (emptyAnswer) return { contentType: null, text: "" };
  return { contentType: "application/json; charset=utf-8", text: JSON.stringify({ received: true }) };
}

/** Of the secret that this config's webhooks are checked with, so that it is nowhere kept: HKDF (RFC 5869) keeps it apart from any signature. */
export function verifyTokenOf(secret: Secret, configId: string): string {
  return Buffer.from(hkdfSync("sha256", secret.reveal(), configId, "moorline webhook verify token", 24)).toString("base64url");
}
