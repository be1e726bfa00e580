import { FUNCTION_CALL, TEMPLATE_FUNCTIONS, type TemplateFunction } from "./template-functions.ts";
import type { ConnectionValues, ConnectorDefinition, FieldDefinition, SchemeDefinition } from "./types.ts";

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
  now?: string;
}

/**
 * How a variable may fill a place in a host (design 5.14): a closed list, or so many DNS labels before a literal suffix. WHOLE: the user's
 * own host, which stands at the end of the template's; BASE_URL: the user's own address, with which the template begins.
 */
export type HostRule = { oneOf: readonly string[] } | { labels: number } | "WHOLE" | "BASE_URL";
export type HostRules = ReadonlyMap<string, HostRule>;

/** A template could not be filled safely. `variable` is its name, such as `connection.subdomain`; the value is never shown. */
export class TemplateError extends Error {
  readonly variable: string;
  readonly reason: "UNFILLED" | "HOST" | "SYNTAX";

  constructor(variable: string, reason: TemplateError["reason"]) {
    super(
      {
        UNFILLED: `The value “${variable}” is missing.`,
        HOST: `The value “${variable}” is not a host name that this connector accepts.`,
        SYNTAX: `“${variable}” is not a complete URL.`,
      }[reason],
    );
    this.name = "TemplateError";
    this.variable = variable;
    this.reason = reason;
  }
}

/** Nothing else in braces is a variable: a GraphQL query in a body has braces of its own. */
const VARIABLE = /\{(connection\.[A-Za-z][A-Za-z0-9]*|client\.id|token|refreshToken|random|now)(?:\|([^{}]*))?\}/g;
/** It begins with an origin, or with a variable for the whole address. A fragment is for pages that route in the browser. */
const URL_PARTS = /^(https?:\/\/[^/?#]+|\{connection\.[A-Za-z0-9]+\})((?:\/[^?#]*)?)(\?[^#]*)?(#[^{}]*)?$/;
const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

/** The variables a template names, defaults left out, such as `connection.subdomain`. */
export function variablesOf(template: string): string[] {
  return [...template.matchAll(VARIABLE)].map((match) => match[1] as string);
}

/** Fills a template that is no URL: a header, a parameter, a piece of a body. `{base64(…)}` and its like (template-functions.ts) nest. */
export function expand(template: string, scope: TemplateScope): string {
  // Calls first and from the outside, so that what a value holds is never read as a template itself.
  const parts = template.split(FUNCTION_CALL);
  return parts
    .map((text, index) => {
      if (index % 3 === 1) return "";
      if (index % 3 === 0) return fill(text, (name, fallback) => filledValue(name, fallback, scope));
      return TEMPLATE_FUNCTIONS[parts[index - 1] as TemplateFunction](expand(text, scope));
    })
    .join("");
}

/** Fills every string inside a JSON value. */
export function expandJson(value: unknown, scope: TemplateScope): unknown {
  if (typeof value === "string") return expand(value, scope);
  if (Array.isArray(value)) return value.map((item) => expandJson(item, scope));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, expandJson(item, scope)]));
}

/**
 * Fills a URL template. A variable in the host is held to its rule, one in the path or query is percent-encoded.
 * Throws TemplateError.
 */
export function expandUrl(template: string, scope: TemplateScope, rules: HostRules): string {
  const parts = URL_PARTS.exec(template);
  if (!parts) throw new TemplateError(template, "SYNTAX");
  const [, base = "", path = "", query = "", fragment = ""] = parts;
  const encode = (name: string, fallback: string | undefined) => encodeURIComponent(filledValue(name, fallback, scope));
  const filledPath = fill(path, (name, fallback) => {
    const value = encode(name, fallback);
    // A segment of dots would climb out of the path that the data says.
    if (/^\.{1,2}$/.test(value)) throw new TemplateError(name, "SYNTAX");
    return value;
  });
  const address = base.startsWith("{") ? expandBase(base, scope, rules) : expandOrigin(base, scope, rules);
  return `${address}${filledPath}${fill(query, encode)}${fragment}`;
}

/** Scheme, host and port of a URL template once filled: what a grant is pinned to. */
export function originOf(template: string, scope: TemplateScope, rules: HostRules): string {
  return new URL(expandUrl(template, scope, rules)).origin;
}

/** The variables in a URL template's host. */
export function hostVariablesOf(template: string): string[] {
  return variablesOf(URL_PARTS.exec(template)?.[1] ?? template);
}

/** A connector's rules for host variables, by the variable's full name. */
export function hostRulesOf(
  scheme: Pick<SchemeDefinition, "fields" | "discovered"> & { type?: SchemeDefinition["type"] },
): HostRules {
  const rules = new Map<string, HostRule>();
  for (const field of scheme.fields ?? []) {
    // Whoever names a whole host owns the secrets that go there: where the client is the project's, nobody but the project does.
    const isOwners = field.for === "authConfig" || (scheme.type !== "OAUTH2" && scheme.type !== "OAUTH1");
    rules.set(`connection.${field.name}`, hostRuleOf(isOwners ? field : { ...field, type: "STRING" }));
  }
  for (const value of scheme.discovered ?? []) {
    const name = `connection.${value.name}`;
    if (rules.has(name)) continue;
    rules.set(name, value.options ? { oneOf: value.options } : { labels: value.hostLabels ?? 1 });
  }
  return rules;
}

function hostRuleOf({ options, type, hostLabels = 1 }: FieldDefinition): HostRule {
  if (options) return { oneOf: options.map((option) => option.value) };
  if (type === "HOST") return "WHOLE";
  return type === "URL" ? "BASE_URL" : { labels: hostLabels };
}

/** Every URL template of a connector, the API's among them. */
export function urlTemplatesOf(definition: Pick<ConnectorDefinition, "schemes" | "api">): string[] {
  const urls = definition.schemes.flatMap((scheme) => [
    ...Object.values(endpointsOf(scheme)),
    revocationUrlOf(scheme),
    ...loginUrlsOf(scheme),
    ...longLivedUrlsOf(scheme),
  ]);
  const { baseUrl, verification } = definition.api ?? {};
  return [...urls, baseUrl, verification?.baseUrl].filter((url) => url !== undefined);
}

const ENDPOINTS = [
  "authorizationUrl",
  "tokenUrl",
  "refreshUrl",
  "registrationUrl",
  "revocationUrl",
  "userinfoUrl",
  "jwksUri",
  "deviceAuthorizationUrl",
  "pushedAuthorizationUrl",
  "requestTokenUrl",
  "accessTokenUrl",
  "userTokenUrl",
  "userCheckUrl",
] as const;

/** A scheme's endpoints, whatever its type: those that it has. */
export function endpointsOf(scheme: SchemeDefinition): Partial<Record<(typeof ENDPOINTS)[number], string>> {
  const all = scheme as Partial<Record<(typeof ENDPOINTS)[number], string>>;
  return Object.fromEntries(ENDPOINTS.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]])));
}

/** Where a login of the provider's own making sends what was typed. */
export function loginUrlsOf(scheme: SchemeDefinition): string[] {
  return scheme.type === "TWO_STEP" ? [...scheme.login, ...(scheme.refresh ? [scheme.refresh] : [])].map(({ url }) => url) : [];
}

/** Where a short-lived token is traded. */
function longLivedUrlsOf(scheme: SchemeDefinition): string[] {
  const own = scheme.type === "OAUTH2" ? scheme.longLived : undefined;
  return own ? [own.url, ...(own.renewal ? [own.renewal.url] : [])] : [];
}

/** Where a way to revoke that is not RFC 7009 is. */
export function revocationUrlOf(scheme: SchemeDefinition): string | undefined {
  return scheme.type === "OAUTH2" ? scheme.revocation?.url : undefined;
}

/**
 * True where the operator may set a default app for a connector: no host of it is anybody's choice, so the operator's
 * client secret can go to no other place (design 5.14).
 */
export function managedAppAllowed(definition: ConnectorDefinition): boolean {
  return definition.kind !== "CUSTOM" && urlTemplatesOf(definition).every((url) => hostVariablesOf(url).length === 0);
}

function expandOrigin(template: string, scope: TemplateScope, rules: HostRules): string {
  const origin = fill(template, (name, fallback, offset, length) => {
    const value = filledValue(name, fallback, scope).toLowerCase();
    const rule = rules.get(name) ?? { labels: 1 };
    const behind = template.slice(offset + length);
    const accepted = template[offset - 1] === ":" ? behind === "" && isPort(value) : acceptsHostValue(rule, value, behind);
    if (!accepted) throw new TemplateError(name, "HOST");
    return value;
  });
  // What we checked must be what a URL parser reads: no user info, no other host.
  if (origin !== template && URL.parse(origin)?.origin !== origin.replace(/^(https:.*):443$|^(http:.*):80$/, "$1$2"))
    throw new TemplateError(template, "HOST");
  return origin;
}

function acceptsHostValue(rule: HostRule, value: string, suffix: string): boolean {
  if (rule === "BASE_URL") return false;
  if (rule !== "WHOLE" && "oneOf" in rule) return rule.oneOf.includes(value);
  const labels = value.split(".");
  if (!labels.every((label) => DNS_LABEL.test(label))) return false;
  if (rule === "WHOLE") return suffix === "";
  // `.example.com` at least at its end: with less, the variables would choose the owner of the host.
  const hasLiteralSuffix = /(?:\.[a-z0-9-]+){2,}(?::(?:\d+|\{connection\.[A-Za-z0-9]+\}))?$/i.test(suffix);
  return hasLiteralSuffix && labels.length <= rule.labels;
}

function isPort(value: string): boolean {
  return /^[1-9]\d{0,4}$/.test(value) && Number(value) <= 65_535;
}

/** An address that a user names, or one of a closed list, without a slash at its end. A secret goes there: https alone will do. */
function expandBase(template: string, scope: TemplateScope, rules: HostRules): string {
  const name = template.slice(1, -1);
  const value = filledValue(name, undefined, scope);
  const rule = rules.get(name);
  const url = URL.parse(value);
  const accepted = rule === "BASE_URL" || (typeof rule === "object" && "oneOf" in rule && rule.oneOf.includes(value));
  if (!accepted || url?.protocol !== "https:" || url.username || url.password || /[?#\\]/.test(value))
    throw new TemplateError(name, "HOST");
  return url.origin + url.pathname.replace(/\/+$/, "");
}

function filledValue(name: string, fallback: string | undefined, scope: TemplateScope): string {
  const value = lookup(name, scope);
  if (value !== undefined && value !== null && value !== "") return String(value);
  if (fallback !== undefined) return fallback;
  throw new TemplateError(name, "UNFILLED");
}

function lookup(name: string, scope: TemplateScope): unknown {
  if (name === "client.id") return scope.clientId;
  if (name === "token") return scope.token;
  if (name === "refreshToken") return scope.refreshToken;
  if (name === "random") return scope.random;
  if (name === "now") return scope.now;
  if (!name.startsWith("connection.") || !scope.connection) return undefined;
  const key = name.slice("connection.".length);
  return Object.hasOwn(scope.connection, key) ? scope.connection[key] : undefined;
}

function fill(
  template: string,
  replace: (name: string, fallback: string | undefined, offset: number, length: number) => string,
): string {
  return template.replaceAll(VARIABLE, (whole, name: string, fallback: string | undefined, offset: number) =>
    replace(name, fallback, offset, whole.length),
  );
}
