/** How a provider signs the webhooks that it sends, as data. */

/** A value of the call: a header, or a dotted path into the JSON body. */
export type WebhookValue = { header: string } | { path: string };

/** The same, or a parameter of the address: questions may come by GET. */
export type WebhookQuestionValue = WebhookValue | { query: string };

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
  /** What is signed: `{body}`, `{timestamp}`, `{method}` and `{url}` are filled in, and headers by their names. Default `{body}`. */
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

/** The secret itself comes along in the JSON body, and is taken out before the body is passed on. */
export interface BodyTokenSignature {
  type: "BODY_TOKEN";
  /** The member that holds it. */
  member: string;
  /** Dotted path to a list: every item has to hold it. */
  each?: string;
}

/** A JWT in a header (RFC 7519, HS256), for our address and not expired. It says nothing of the body. */
export interface JwtSignature {
  type: "JWT";
  header: string;
}

export type WebhookSignature = HmacSignature | StandardWebhooksSignature | TokenSignature | BodyTokenSignature | JwtSignature;

/** A question that the provider asks when the address is entered, and again when it likes. It is answered, and passed on to nobody. */
export interface WebhookChallenge {
  method: "GET" | "HEAD" | "POST";
  /** Signed as every webhook is; left out: it comes unsigned. */
  signed?: true;
  /** What it is known by; left out: by the value that `echo` names. */
  when?: WebhookQuestionValue & { equals: string };
  /** What has to be the auth config's `webhookVerifyToken`. */
  verifyToken?: WebhookQuestionValue;
  /** What has to be sent back; left out: an empty answer will do. */
  echo?: WebhookQuestionValue;
  /** The JSON object to send back, by member; left out: the text alone. `{hmac}`: HMAC-SHA256 of it in hex, by the secret; only where it is signed. */
  answer?: Record<string, "{echo}" | "{hmac}">;
}

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
  challenge?: WebhookChallenge;
  /** The provider takes no body with our answer. */
  emptyAnswer?: true;
  /** For people, where the provider's words differ: what to enter where. Ends the setup guide. */
  guide?: string;
}
