import {
  FUNCTION_CALL,
  KEYED_FUNCTIONS,
  type KeyedFunction,
  TEMPLATE_FUNCTIONS,
  type TemplateFunction,
} from "./template-functions.ts";
import { isMoment, momentOf } from "./template-moments.ts";
import { type CallVariable, type HostRule, type HostRules, TemplateError, type TemplateScope } from "./template-scope.ts";

export { type CallVariable, type HostRule, type HostRules, TemplateError, type TemplateScope } from "./template-scope.ts";

/** Nothing else in braces is a variable: a GraphQL query in a body has braces of its own. */
const VARIABLE =
  /\{(connection\.[A-Za-z][A-Za-z0-9]*|client\.id|call\.[A-Za-z0-9]+|token|refreshToken|assertion|random|now(?:[+:][A-Za-z0-9+:]+)?)(?:\|([^{}]*))?\}/g;
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
  let filled = "";
  // What stands between calls, then of each call its name, or its name with a key, and what it is about.
  for (let at = 0; at < parts.length; at += 5) {
    filled += fill(parts[at] ?? "", (name, fallback) => filledValue(name, fallback, scope));
    const [plain, keyed, key = "", content] = parts.slice(at + 1, at + 5);
    if (content === undefined) continue;
    const text = expand(content, scope);
    filled += plain ? TEMPLATE_FUNCTIONS[plain as TemplateFunction](text) : signedBy(keyed as KeyedFunction, text, key, scope);
  }
  return filled;
}

function signedBy(name: KeyedFunction, text: string, key: string, scope: TemplateScope): string {
  const value = filledValue(key, undefined, scope);
  try {
    return KEYED_FUNCTIONS[name](text, value);
  } catch {
    // The library's own message may quote the key.
    throw new TemplateError(key, "KEY");
  }
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

function expandOrigin(template: string, scope: TemplateScope, rules: HostRules): string {
  const origin = fill(template, (name, fallback, offset, length) => {
    const value = filledValue(name, fallback, scope).toLowerCase();
    const rule = rules.get(name) ?? { labels: 1 };
    const behind = withClosedLists(template.slice(offset + length), scope, rules);
    const accepted = template[offset - 1] === ":" ? behind === "" && isPort(value) : acceptsHostValue(rule, value, behind);
    if (!accepted) throw new TemplateError(name, "HOST");
    return value;
  });
  // What we checked must be what a URL parser reads: no user info, no other host.
  if (origin !== template && URL.parse(origin)?.origin !== origin.replace(/^(https:.*):443$|^(http:.*):80$/, "$1$2"))
    throw new TemplateError(template, "HOST");
  return origin;
}

/** A value of a closed list is as literal as the template: the data say it. */
function withClosedLists(template: string, scope: TemplateScope, rules: HostRules): string {
  return template.replaceAll(VARIABLE, (whole, name: string, fallback: string | undefined) => {
    const rule = rules.get(name);
    if (typeof rule !== "object" || !("oneOf" in rule)) return whole;
    const value = filledValue(name, fallback, scope).toLowerCase();
    return rule.oneOf.includes(value) ? value : whole;
  });
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
  // A call without parameters has none, and is signed so.
  if (value !== undefined && value !== null && (value !== "" || name.startsWith("call."))) return String(value);
  if (fallback !== undefined) return fallback;
  throw new TemplateError(name, "UNFILLED");
}

function lookup(name: string, scope: TemplateScope): unknown {
  if (name === "client.id") return scope.clientId;
  if (name === "token") return scope.token;
  if (name === "refreshToken") return scope.refreshToken;
  if (name === "random") return scope.random;
  if (name === "assertion") return scope.assertion;
  if (isMoment(name)) return scope.now && momentOf(name, scope.now);
  if (name.startsWith("call.")) return scope.call?.[name.slice("call.".length) as CallVariable];
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
