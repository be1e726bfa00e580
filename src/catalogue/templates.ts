import type { ConnectionValues, ConnectorDefinition, SchemeDefinition } from "./types.ts";

/** What the variables of a template stand for. */
export interface TemplateScope {
  /** `{connection.*}` */
  connection?: ConnectionValues;
  /** `{client.id}` */
  clientId?: string;
  /** `{token}` and `{refreshToken}`: never in a URL that is logged or shown. */
  token?: string;
  refreshToken?: string;
}

/** How a variable may fill a place in a host (design 5.14): a closed list, or so many DNS labels before a literal suffix. */
export type HostRule = { oneOf: readonly string[] } | { labels: number };
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
const VARIABLE = /\{(connection\.[A-Za-z][A-Za-z0-9]*|client\.id|token|refreshToken)(?:\|([^{}]*))?\}/g;
const URL_PARTS = /^(https?):\/\/([^/?#]+)([^?#]*)(\?[^#]*)?$/;
const DNS_LABEL = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/i;

/** The variables a template names, defaults left out, such as `connection.subdomain`. */
export function variablesOf(template: string): string[] {
  return [...template.matchAll(VARIABLE)].map((match) => match[1] as string);
}

/** Fills a template that is no URL: a header, a parameter, a piece of a body. */
export function expand(template: string, scope: TemplateScope): string {
  return fill(template, (name, fallback) => filledValue(name, fallback, scope));
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
  const [, protocol, hostTemplate = "", path = "", query = ""] = parts;
  const host = expandHost(hostTemplate, scope, rules);
  const encode = (name: string, fallback: string | undefined) => encodeURIComponent(filledValue(name, fallback, scope));
  const filledPath = fill(path, (name, fallback) => {
    const value = encode(name, fallback);
    // A segment of dots would climb out of the path that the data says.
    if (/^\.{1,2}$/.test(value)) throw new TemplateError(name, "SYNTAX");
    return value;
  });
  const url = `${protocol}://${host}${filledPath}${fill(query, encode)}`;
  // What we checked must be what a URL parser reads: no user info, no other host.
  if (host !== hostTemplate && new URL(url).host !== withoutDefaultPort(protocol, host))
    throw new TemplateError(hostTemplate, "HOST");
  return url;
}

/** Scheme, host and port of a URL template once filled: what a grant is pinned to. */
export function originOf(template: string, scope: TemplateScope, rules: HostRules): string {
  return new URL(expandUrl(template, scope, rules)).origin;
}

/** The variables in a URL template's host. */
export function hostVariablesOf(template: string): string[] {
  return variablesOf(URL_PARTS.exec(template)?.[2] ?? template);
}

/** A connector's rules for host variables, by the variable's full name. */
export function hostRulesOf(scheme: Pick<SchemeDefinition, "fields" | "discovered">): HostRules {
  const rules = new Map<string, HostRule>();
  for (const field of scheme.fields ?? []) {
    const rule = field.options ? { oneOf: field.options.map((option) => option.value) } : { labels: field.hostLabels ?? 1 };
    rules.set(`connection.${field.name}`, rule);
  }
  for (const value of scheme.discovered ?? []) {
    const name = `connection.${value.name}`;
    if (rules.has(name)) continue;
    rules.set(name, value.options ? { oneOf: value.options } : { labels: value.hostLabels ?? 1 });
  }
  return rules;
}

/** Every URL template of a connector, the API's among them. */
export function urlTemplatesOf(definition: Pick<ConnectorDefinition, "schemes" | "api">): string[] {
  const urls = definition.schemes.flatMap((scheme) => [...Object.values(endpointsOf(scheme)), revocationUrlOf(scheme)]);
  return [...urls, definition.api?.baseUrl].filter((url) => url !== undefined);
}

const ENDPOINTS = [
  "authorizationUrl",
  "tokenUrl",
  "refreshUrl",
  "revocationUrl",
  "userinfoUrl",
  "jwksUri",
  "deviceAuthorizationUrl",
  "pushedAuthorizationUrl",
  "requestTokenUrl",
  "accessTokenUrl",
] as const;

/** A scheme's endpoints, whatever its type: those that it has. */
export function endpointsOf(scheme: SchemeDefinition): Partial<Record<(typeof ENDPOINTS)[number], string>> {
  const all = scheme as Partial<Record<(typeof ENDPOINTS)[number], string>>;
  return Object.fromEntries(ENDPOINTS.flatMap((name) => (all[name] === undefined ? [] : [[name, all[name]]])));
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

function expandHost(template: string, scope: TemplateScope, rules: HostRules): string {
  return fill(template, (name, fallback, offset, length) => {
    const value = filledValue(name, fallback, scope).toLowerCase();
    const rule = rules.get(name) ?? { labels: 1 };
    if (!acceptsHostValue(rule, value, template.slice(offset + length))) throw new TemplateError(name, "HOST");
    return value;
  });
}

function acceptsHostValue(rule: HostRule, value: string, suffix: string): boolean {
  if ("oneOf" in rule) return rule.oneOf.includes(value);
  const labels = value.split(".");
  // `.example.com` at least: with less behind it, the variable would choose the owner of the host.
  const hasLiteralSuffix = /^(?:\.[a-z0-9-]+){2,}(?::\d+)?$/i.test(suffix);
  return hasLiteralSuffix && labels.length <= rule.labels && labels.every((label) => DNS_LABEL.test(label));
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

function withoutDefaultPort(protocol: string | undefined, host: string): string {
  return host.replace(protocol === "https" ? /:443$/ : /:80$/, "");
}
