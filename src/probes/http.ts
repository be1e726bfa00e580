import net from "node:net";
import { isVisible } from "../catalogue/fields.ts";
import { atPath } from "../catalogue/paths.ts";
import { expand, expandJson, TemplateError, variablesOf } from "../catalogue/templates.ts";
import type { ConnectionValues, FieldCondition, ProbeLogin, ProbeRequest } from "../catalogue/types.ts";
import type { TestCode } from "../lib/errors.ts";
import { certificatesOf } from "./fields.ts";
import { ProbeError, type ProbeFamily, type ProbeInput } from "./types.ts";

/** Whatever answers over HTTP: what to ask, and what the answer means, stands in the connector's data (`requests`). */
export const family: ProbeFamily = {
  async probe({ values, scheme, fetch }) {
    const request = fitting(scheme.requests, values);
    const known = request.token ? { ...values, accessToken: await tokenOf(request.token, values, fetch) } : values;
    const { url, ...call } = callOf(request, known);
    const response = await fetch(url, call);
    judge(request, response.status, await response.text());
  },

  meaningOf(error) {
    if (!(error instanceof TemplateError)) return undefined;
    return new ProbeError("RESOURCE_NOT_FOUND", { message: error.message, remedy: "Fill in the missing value." });
  },
};

/** The first request whose condition holds and whose URL and body have all their values. */
export function fitting(requests: readonly ProbeRequest[] = [], values: ConnectionValues): ProbeRequest {
  const isComplete = ({ url, body = "" }: ProbeRequest) => isFilled(`${url}${JSON.stringify(body)}`, values);
  const found = requests.find((one) => holds(one.when, values) && isComplete(one));
  if (!found) throw new ProbeError("NOT_TESTABLE", { remedy: "This way to sign in has no test. Use the credential to see." });
  return found;
}

/** A request, ready for fetch. */
export interface Call {
  url: URL;
  method: string;
  headers: Record<string, string>;
  body: string | undefined;
  tls?: ReturnType<typeof certificatesOf>;
}

export function callOf(request: ProbeRequest, values: ConnectionValues): Call {
  const body = bodyOf(request, values);
  return {
    url: urlOf(request, values),
    method: request.method ?? "GET",
    headers: {
      accept: "application/json",
      ...body.headers,
      ...given(request.headers, values),
      ...typedHeaders(request, values),
      ...loginOf(request, values),
    },
    body: body.text,
    ...tlsOf(values),
  };
}

export function tlsOf(values: ConnectionValues): { tls?: ReturnType<typeof certificatesOf> } {
  const tls = certificatesOf(values);
  return Object.keys(tls).length > 0 ? { tls } : {};
}

/** What the user typed is the address; the data adds the path. A value inside a path is one segment of it. */
function urlOf({ url, query }: Pick<ProbeRequest, "url" | "query">, values: ConnectionValues): URL {
  const [, base = "", rest = ""] = /^(\{connection\.[A-Za-z0-9]+(?:\|[^{}]*)?\}|https?:\/\/[^/]+)(.*)$/s.exec(url) ?? [];
  const path = expand(rest, { connection: encoded(values) });
  const whole = URL.parse(expand(base, { connection: bracketed(values) }).replace(/\/+$/, "") + path);
  if (!whole || !/^https?:$/.test(whole.protocol)) {
    const words = { message: "The address is not a complete URL.", remedy: "Enter it with https:// or http:// in front." };
    throw new ProbeError("HOST_NOT_FOUND", words);
  }
  for (const [name, value] of Object.entries(given(query, values))) whole.searchParams.set(name, value);
  return whole;
}

/** An IPv6 address as URLs have it (RFC 3986 section 3.2.2). */
function bracketed(values: ConnectionValues): ConnectionValues {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [name, net.isIPv6(String(value)) ? `[${value}]` : value]),
  );
}

function encoded(values: ConnectionValues): ConnectionValues {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, encodeURIComponent(String(value))]));
}

/** Names and filled templates; one whose field is empty is left out. */
function given(templates: Readonly<Record<string, string>> | undefined, values: ConnectionValues): Record<string, string> {
  const all = Object.entries(templates ?? {}).filter(([, template]) => isFilled(template, values));
  return Object.fromEntries(all.map(([name, template]) => [name, expand(template, { connection: values })]));
}

function typedHeaders({ headersFrom }: ProbeRequest, values: ConnectionValues): Record<string, string> {
  const typed = headersFrom === undefined ? undefined : values[headersFrom];
  if (typeof typed !== "object" || typed === null) return {};
  return Object.fromEntries(Object.entries(typed).map(([name, value]) => [name.toLowerCase(), String(value)]));
}

function isFilled(template: string, connection: ConnectionValues): boolean {
  return variablesOf(template).every((name) => {
    const value = connection[name.slice("connection.".length)];
    return (value !== undefined && value !== "") || template.includes(`{${name}|`);
  });
}

function holds(when: FieldCondition[] | undefined, values: ConnectionValues): boolean {
  return isVisible({ name: "", label: "", type: "STRING", for: "credential", visibleWhen: when ?? [] }, values);
}

function loginOf({ login = [] }: ProbeRequest, values: ConnectionValues): Record<string, string> {
  const scope = { connection: values };
  const { basic, header } = login.find((one) => fits(one, values)) ?? {};
  if (header) return { [header.name]: expand(header.value, scope) };
  if (!basic) return {};
  const pair = `${expand(basic.username, scope)}:${expand(basic.password, scope)}`;
  return { authorization: `Basic ${Buffer.from(pair, "utf8").toString("base64")}` };
}

function fits({ when, basic, header }: ProbeLogin, values: ConnectionValues): boolean {
  const templates = [basic?.username, basic?.password, header?.value].filter((one) => one !== undefined);
  return holds(when, values) && templates.every((template) => isFilled(template, values));
}

function bodyOf({ body }: ProbeRequest, values: ConnectionValues): { text: string | undefined; headers: Record<string, string> } {
  if (body === undefined) return { text: undefined, headers: {} };
  const isText = typeof body === "string";
  const text = isText ? expand(body, { connection: values }) : JSON.stringify(expandJson(body, { connection: values }));
  return { text, headers: { "content-type": isText ? "text/plain;charset=utf-8" : "application/json" } };
}

/** A token of the client's own (RFC 6749 section 4.4): where that is refused, the client id or secret is wrong. */
export async function tokenOf(
  token: NonNullable<ProbeRequest["token"]>,
  values: ConnectionValues,
  fetch: ProbeInput["fetch"],
): Promise<string> {
  const body = new URLSearchParams(given(token.parameters, values));
  const response = await fetch(urlOf(token, values), { method: "POST", headers: { accept: "application/json" }, body });
  const answer = parsed(await response.text());
  const found = atPath(answer, "access_token");
  if (response.ok && typeof found === "string") return found;
  if (response.status === 404) throw new ProbeError("RESOURCE_NOT_FOUND");
  throw new ProbeError([400, 401, 403].includes(response.status) ? "INVALID_CREDENTIALS" : "PROVIDER_ERROR");
}

const BY_STATUS: Readonly<Record<number, TestCode>> = {
  401: "INVALID_CREDENTIALS",
  403: "PERMISSION_DENIED",
  404: "RESOURCE_NOT_FOUND",
  429: "RATE_LIMITED",
};

type Expected = Pick<ProbeRequest, "expectedStatus" | "expectedBody" | "meanings">;

/** Throws ProbeError where the answer says that it does not work. */
export function judge({ expectedStatus, expectedBody, meanings }: Expected, status: number, text: string): void {
  const isExpected = expectedStatus ? expectedStatus.includes(status) : status >= 200 && status < 300;
  if (isExpected && (!expectedBody || isAsExpected(expectedBody, parsed(text)))) return;
  if (isExpected)
    throw new ProbeError(expectedBody?.otherwise ?? "PROVIDER_ERROR", {
      ...(!expectedBody?.otherwise && { message: "The answer is not what this kind of server says." }),
    });
  const code = meanings?.[String(status)] ?? BY_STATUS[status] ?? "PROVIDER_ERROR";
  if (code === "PROVIDER_ERROR" && status >= 300 && status < 400) throw new ProbeError(code, ELSEWHERE);
  throw new ProbeError(code, code === "PROVIDER_ERROR" ? { message: `The server answered with the HTTP status ${status}.` } : {});
}

const ELSEWHERE = {
  message: "The server sends its callers on to another address, which is not followed with a secret.",
  remedy: "Enter that other address, such as https:// in place of http://.",
};

function isAsExpected({ path, equals }: NonNullable<ProbeRequest["expectedBody"]>, answer: unknown): boolean {
  const found = atPath(answer, path);
  return equals === undefined ? found !== undefined : found === equals;
}

export function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
