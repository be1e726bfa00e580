import { isUtf8 } from "node:buffer";
import { textAt } from "../catalogue/paths.ts";
import type { WebhookDefinition, WebhookValue } from "../catalogue/types.ts";
import { jsonOf, type SignedCall } from "../schemes/webhook-call.ts";
import { withoutToken } from "../schemes/webhook-signature.ts";

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

export function readProviderWebhook(definition: WebhookDefinition, call: SignedCall): ProviderWebhook {
  const { body, encoding } = readBody(definition, call);
  const valueAt = (value: WebhookValue | undefined): string | null => {
    if (!value) return null;
    return "header" in value ? call.header(value.header) : textAt(body, [value.path]);
  };
  return {
    event: valueAt(definition.event),
    providerEventId: valueAt(definition.id),
    accountId: valueAt(definition.account),
    contentType: call.header("content-type"),
    body,
    encoding,
  };
}

function readBody({ signature }: WebhookDefinition, call: SignedCall): Pick<ProviderWebhook, "body" | "encoding"> {
  const text = call.body.toString("utf8");
  // The database keeps no NUL in a text, and bytes that are no UTF-8 would come out changed.
  if (text.includes("\0") || !isUtf8(call.body)) return { body: call.body.toString("base64"), encoding: "base64" };
  const json = jsonOf(call);
  // A form, XML, or nothing at all.
  if (json === undefined) return { body: text, encoding: "text" };
  const value = withoutToken(signature, json);
  if (!/\\u0000|\\ud[89a-f]/i.test(text)) return { body: value, encoding: "json" };
  return { body: signature.type === "BODY_TOKEN" ? JSON.stringify(value) : text, encoding: "text" };
}
