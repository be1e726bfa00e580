/** How a provider signs the webhooks that it sends, as data. */

/** A value of the call: a header, or a dotted path into the JSON body. */
export type WebhookValue = { header: string } | { path: string };

/** A keyed hash over the call (RFC 2104), as most providers have it. */
export interface HmacSignature {
  type: "HMAC";
  /** The header that holds the signature. */
  header: string;
  algorithm: "SHA1" | "SHA256" | "SHA512";
  encoding: "HEX" | "BASE64";
  /** Before the signature: `sha256=`. */
  prefix?: string;
  /** The header is a comma-separated list of `key=value`: the key of a signature in it. */
  key?: string;
  /** What is signed: `{body}`, `{timestamp}`, `{method}` and `{url}` are filled in. Default `{body}`. */
  content?: string;
  /** When it was signed, in seconds or milliseconds since 1970 or as ISO 8601: older than five minutes is refused. */
  timestamp?: { header: string } | { key: string };
}

/** https://www.standardwebhooks.com; `headerPrefix` is `webhook`, or `svix` as its forerunner has it. */
export interface StandardWebhooksSignature {
  type: "STANDARD_WEBHOOKS";
  headerPrefix: "webhook" | "svix";
}

/** The secret itself comes along in a header. */
export interface TokenSignature {
  type: "TOKEN";
  header: string;
}

export type WebhookSignature = HmacSignature | StandardWebhooksSignature | TokenSignature;

export interface WebhookDefinition {
  signature: WebhookSignature;
  /** CLIENT_SECRET: the OAuth client's; left out: one of its own, which the auth config holds as `webhookSecret`. */
  secret?: "CLIENT_SECRET";
  /** What happened, in the provider's word. */
  event?: WebhookValue;
  /** The provider's own id of the call, by which a repeated one is known. */
  id?: WebhookValue;
  /** Whose account it is about, as credentials have it in `account.id`. */
  account?: WebhookValue;
  /** A signed question that the provider asks when the address is entered: answered with the value at `answer`. */
  challenge?: { path: string; equals: string; answer: string };
}
