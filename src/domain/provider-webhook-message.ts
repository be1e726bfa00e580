import { atPath, textAt } from "../catalogue/paths.ts";
import type { WebhookDefinition, WebhookValue } from "../catalogue/types.ts";
import type { SignedCall } from "../schemes/webhook-signature.ts";

/** What a provider's webhook says, by its connector's data. Null: it does not tell, or nobody knows where. */
export interface ProviderWebhook {
  event: string | null;
  providerEventId: string | null;
  accountId: string | null;
  contentType: string | null;
  /** A JSON value, a text, or bytes in base64. */
  body: unknown;
  encoding: "json" | "text" | "base64";
}

/** `challenge`: the text that the provider wants to hear; null: it has asked nothing. */
export function readProviderWebhook(
  definition: WebhookDefinition,
  call: SignedCall,
): ProviderWebhook & { challenge: string | null } {
  const { body, encoding } = readBody(call);
  const valueAt = (value: WebhookValue | undefined): string | null => {
    if (!value) return null;
    return "header" in value ? call.header(value.header) : textAt(body, [value.path]);
  };
  return {
    challenge: challengeIn(definition, body),
    event: valueAt(definition.event),
    providerEventId: valueAt(definition.id),
    accountId: valueAt(definition.account),
    contentType: call.header("content-type"),
    body,
    encoding,
  };
}

function readBody({ body }: SignedCall): Pick<ProviderWebhook, "body" | "encoding"> {
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
