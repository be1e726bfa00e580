import type { ConnectionValues } from "./types.ts";

/** What the variables of a template stand for. */
export interface TemplateScope {
  /** `{connection.*}` */
  connection?: ConnectionValues;
  /** `{client.id}` */
  clientId?: string;
  /** `{token}` and `{refreshToken}`: never in a URL that is logged or shown. */
  token?: string;
  refreshToken?: string;
  /** `{random}` and `{now}`: what makes one call another than the last; the same wherever one call names them. */
  random?: string;
  now?: Date;
  /** `{assertion}`: what proves a login, signed for it. */
  assertion?: string;
  /** `{call.*}`: of the call that is about to be made. */
  call?: Readonly<Record<CallVariable, string>>;
}

/**
 * What a signature can cover of a call. `target`: the path with its query, as in the request line; `parameters`: those of the query and of
 * a form, percent-encoded (RFC 3986) and in order; `bodySha256`: the digest of the body's bytes, in base64 (RFC 9530).
 */
export type CallVariable = "method" | "host" | "path" | "target" | "parameters" | "bodySha256";

/**
 * How a variable may fill a place in a host (design 5.14): a closed list, or so many DNS labels before a literal suffix. WHOLE: the user's
 * own host, which stands at the end of the template's; BASE_URL: the user's own address, with which the template begins.
 */
export type HostRule = { oneOf: readonly string[] } | { labels: number } | "WHOLE" | "BASE_URL";
export type HostRules = ReadonlyMap<string, HostRule>;

/** A template could not be filled safely. `variable` is its name, such as `connection.subdomain`; the value is never shown. */
export class TemplateError extends Error {
  readonly variable: string;
  readonly reason: "UNFILLED" | "HOST" | "SYNTAX" | "KEY";

  constructor(variable: string, reason: TemplateError["reason"]) {
    super(
      {
        UNFILLED: `The value “${variable}” is missing.`,
        HOST: `The value “${variable}” is not a host name that this connector accepts.`,
        SYNTAX: `“${variable}” is not a complete URL.`,
        KEY: `The value “${variable}” is not a key that can sign this.`,
      }[reason],
    );
    this.name = "TemplateError";
    this.variable = variable;
    this.reason = reason;
  }
}
