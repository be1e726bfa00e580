import { createHmac } from "node:crypto";
import type { OAuth2SchemeDefinition } from "../../src/catalogue/types.ts";
import type { Reply, Seen } from "../schemes/support.ts";
import {
  ANYTHING,
  claimsOf,
  type Entry,
  filledUrl,
  followUpAnswer,
  idToken,
  JWKS,
  mapped,
  quirk,
  type Scheme,
  s256,
  tokenAnswer,
  told,
  userinfoAnswer,
  type Values,
} from "./oauth2-entry.ts";

export interface Client {
  id: string;
  secret: string | null;
  redirectUri: string;
}

/** A provider that takes exactly what its connector's data promise, and says what else it got. */
export interface StrictProvider {
  /** The page that the browser is sent to; what comes back from it. */
  authorize(url: string): URLSearchParams;
  answer(request: Seen): Reply | undefined;
  /** What was not as the data say; empty where all went well. */
  problems: string[];
  /** What it was asked for, in order: `token`, `refresh`, `userinfo`. */
  asked: string[];
}

export const ACCESS = ["at-first", "at-second", "at-third"];
const CODE = "code-1";
const REFRESH = "rt-1";

/** `values` grow by what the provider tells on the way, as the credential's do. */
export function strictProvider(entry: Entry, values: Values, client: Client, scopes: readonly string[]): StrictProvider {
  const { scheme, connector } = entry;
  const more = { "client.id": client.id };
  const problems: string[] = [];
  const asked: string[] = [];
  const authorization = { challenge: "", plain: false, nonce: "" };
  const url = (template: string, token = "") => filledUrl(template, values, { ...more, token });
  const at = (request: Seen, template: string | undefined) =>
    template !== undefined && request.url.origin + request.url.pathname === url(template).origin + url(template).pathname;

  function same(what: string, got: unknown, want: unknown): boolean {
    const [a, b] = [got, want].map((one) => JSON.stringify(sorted(one)));
    if (a !== b) problems.push(`${what}: got ${a}, and not ${b}`);
    return a === b;
  }

  /** What we are known by. */
  function redirectUri(): string {
    const own = scheme.type === "OAUTH2" && scheme.redirectUri;
    return own ? mapped({ own }, values).own! : client.redirectUri;
  }

  function authorize(href: string): URLSearchParams {
    const own = scheme as OAuth2SchemeDefinition;
    const asked = (name: "client_id" | "redirect_uri" | "response_type" | "state") =>
      own.authorizationParameterNames?.[name] ?? (name === "response_type" || name === "state" ? name : named(scheme, name));
    const expected = url(own.authorizationUrl);
    const got = new URL(href);
    const [route, inHash] = got.hash.split("?");
    const fragment = quirk(scheme, "authorization-fragment")?.value;
    const hash = fragment ? `#${fragment}` : expected.hash;
    same("page", [got.origin, got.pathname, route], [expected.origin, expected.pathname, hash]);
    const query = Object.fromEntries(expected.hash ? new URLSearchParams(inHash) : got.searchParams);
    const { [asked("state")]: state = "", nonce, code_challenge: challenge, ...rest } = query;
    const type = quirk(scheme, "response-type")?.value ?? "code";
    const plain = quirk(scheme, "pkce-plain") !== undefined;
    same("authorization request", rest, {
      ...Object.fromEntries(expected.searchParams),
      ...mapped(own.authorizationParameters, values, more),
      [asked("client_id")]: client.id,
      [asked("redirect_uri")]: redirectUri(),
      ...(type !== "none" && { [asked("response_type")]: type }),
      ...(scopes.length > 0 && { scope: scopes.join(scheme.scopeSeparator ?? " ") }),
      ...(own.resource && mapped({ resource: own.resource }, values)),
      ...(own.pkce !== false && { code_challenge_method: plain ? "plain" : "S256" }),
    });
    same("nonce", nonce !== undefined, scopes.includes("openid") || quirk(scheme, "nonce-always") !== undefined);
    same("challenge", challenge !== undefined, own.pkce !== false);
    Object.assign(authorization, { challenge, plain, nonce });
    const answered = own.consentAnswer
      ? mapped(own.consentAnswer, values, more)
      : { [quirk(scheme, "code-param")?.value ?? "code"]: CODE };
    const callback = new URLSearchParams({ ...answered, [asked("state")]: state });
    for (const value of scheme.discovered ?? []) if (value.from === "callback") callback.set(value.path, told(value));
    if (quirk(scheme, "scope-in-callback")) callback.set("scope", scopes.join(","));
    if (own.issuer) callback.set("iss", own.issuer);
    return callback;
  }

  /** The parameters of a token request, wherever this provider wants them; what says who the client is, is looked at and taken away. */
  function parametersOf(request: Seen, template: string, get = false): Record<string, unknown> {
    const inUrl = get || quirk(scheme, "token-request-get") || scheme.tokenBodyFormat === "QUERY";
    same("method", request.method, get || quirk(scheme, "token-request-get") ? "GET" : "POST");
    const type = inUrl ? undefined : scheme.tokenBodyFormat === "JSON" ? "application/json" : "application/x-www-form-urlencoded";
    same("content type", request.headers["content-type"]?.split(";")[0], type);
    const sent = inUrl ? Object.fromEntries(request.url.searchParams) : request.parameters;
    if (inUrl) same("body", request.body, "");
    else same("query", Object.fromEntries(request.url.searchParams), Object.fromEntries(url(template).searchParams));
    const fixed = inUrl ? [...url(template).searchParams.keys()] : [];
    const rest = Object.fromEntries(Object.entries(sent).filter(([name]) => !fixed.includes(name)));
    for (const [name, value] of Object.entries(mapped(scheme.tokenHeaders, values, more))) hasHeader(request, name, value);
    presents(request);
    return rest;
  }

  function hasHeader(request: Seen, name: string, value: string): void {
    const got = request.headers[name];
    if (value === ANYTHING) same(`header ${name}`, /^[\w-]{8,}$/.test(String(got)), true);
    else same(`header ${name}`, got, value);
  }

  /** Where the client has a certificate, each call comes with it, and with no other's. */
  function presents(request: Seen): void {
    const own = scheme.type === "OAUTH2_CLIENT_CREDENTIALS" ? scheme.clientCertificate : undefined;
    same("certificate", request.certificate ?? null, own ? mapped({ own: own.certificate }, values).own! : null);
  }

  function withoutClient(request: Seen, { ...sent }: Record<string, unknown>): Record<string, unknown> {
    const signature = scheme.type === "OAUTH2" && scheme.tokenRequestSignature;
    if (signature) {
      const time = String(request.headers[signature.timeHeader]);
      const wanted = createHmac("sha256", client.secret!).update(request.body + time);
      same("signature", request.headers[signature.signatureHeader], wanted.digest("hex"));
      return sent;
    }
    const [id, secret] = [named(scheme, "client_id"), named(scheme, "client_secret")];
    const basic = quirk(scheme, "basic-secret-only") ? [client.secret!, ""] : [client.id, client.secret!];
    const encoded = basic.map((one) => new URLSearchParams({ "": one }).toString().slice(1)).join(":");
    const usesBasic = scheme.tokenAuthMethod === "CLIENT_SECRET_BASIC";
    const wanted = usesBasic ? `Basic ${Buffer.from(encoded).toString("base64")}` : undefined;
    same("authorization", request.headers.authorization, wanted);
    if (scheme.tokenAuthMethod === "PRIVATE_KEY_JWT") {
      const claims = claimsOf(String(sent.client_assertion), "RS256");
      same("assertion", [claims?.iss, claims?.sub, sent.client_id ?? client.id], [client.id, client.id, client.id]);
      delete sent.client_assertion;
      delete sent.client_assertion_type;
    } else if (!usesBasic || quirk(scheme, "client-id-in-body")) same("client id", sent[id], client.id);
    if (scheme.tokenAuthMethod === "CLIENT_SECRET_POST") checkSecret(sent[secret]);
    delete sent[id];
    if (scheme.tokenAuthMethod === "CLIENT_SECRET_POST") delete sent[secret];
    return sent;
  }

  function checkSecret(got: unknown): void {
    const own = scheme.type === "OAUTH2" ? scheme.clientSecretJwt : undefined;
    if (!own) return void same("client secret", got, client.secret);
    const { iat, exp, header, ...claims } = claimsOf(String(got), own.algorithm) ?? {};
    same(
      "client secret",
      [claims, header],
      [mapped(own.claims, values, more), { ...mapped(own.header, values), alg: own.algorithm }],
    );
    same("lifetime", Number(exp) > Number(iat), true);
  }

  function tokenRequest(request: Seen): Reply | undefined {
    const own = scheme as OAuth2SchemeDefinition;
    const resource = own.resource ? mapped({ resource: own.resource }, values) : {};
    if (scheme.followUp && at(request, scheme.followUp.url)) {
      const token = ACCESS[asked.includes("refresh") ? 1 : 0]!;
      const { parameters } = scheme.followUp;
      same("follow-up", request.method, scheme.followUp.method ?? "GET");
      same("follow-up", Object.fromEntries(request.url.searchParams), mapped(parameters, values, { ...more, token }));
      same("follow-up", request.headers.authorization, parameters ? undefined : `Bearer ${token}`);
      return { body: followUpAnswer(scheme, `session-${token}`) };
    }
    if (scheme.type === "OAUTH2_CLIENT_CREDENTIALS" || scheme.consentAnswer) {
      if (!at(request, scheme.tokenUrl)) return undefined;
      asked.push(asked.includes("token") ? "refresh" : "token");
      same("token request", withoutClient(request, parametersOf(request, scheme.tokenUrl)), {
        ...mapped(scheme.tokenParameters, values, more),
        ...(scopes.length > 0 && { scope: scopes.join(scheme.scopeSeparator ?? " ") }),
        grant_type: quirk(scheme, "grant-type")?.value ?? "client_credentials",
      });
      const access = ACCESS[asked.includes("refresh") ? 1 : 0]!;
      return { body: tokenAnswer(scheme, scopes, { access, refresh: null }) };
    }
    for (const [step, first, next] of [
      [own.longLived, ACCESS[0], ACCESS[1]],
      [own.longLived?.renewal, ACCESS[1], ACCESS[2]],
    ] as const) {
      if (request.method !== "GET" || !at(request, step?.url)) continue;
      asked.push(step === own.longLived ? "exchange" : "refresh");
      const { client_id: _id, client_secret: secret, ...sent } = parametersOf(request, step!.url, true);
      same("secret", secret, step === own.longLived ? client.secret : undefined);
      same("trade", sent, mapped(step!.parameters, values, { ...more, token: first! }));
      return { body: { access_token: next, token_type: "bearer", expires_in: 5_184_000 } };
    }
    const refreshUrl = own.refreshUrl ?? own.tokenUrl;
    const isRefresh = at(request, refreshUrl) && asked.includes("token");
    if (!isRefresh && !at(request, own.tokenUrl)) return undefined;
    asked.push(isRefresh ? "refresh" : "token");
    const sent = withoutClient(request, parametersOf(request, isRefresh ? refreshUrl : own.tokenUrl));
    if (own.tokenRequestSignature) {
      same("token request", sent, { code: CODE });
      return { body: tokenAnswer(scheme, scopes, { access: ACCESS[0]!, refresh: null }) };
    }
    if (isRefresh) {
      const redirect = quirk(scheme, "redirect-uri-on-refresh") && { [named(scheme, "redirect_uri")]: redirectUri() };
      const extra = { ...mapped(own.refreshParameters, values, more), ...resource, ...redirect };
      same("refresh", sent, { ...extra, grant_type: "refresh_token", refresh_token: REFRESH });
      return { body: tokenAnswer(scheme, scopes, { access: ACCESS[1]!, refresh: null }) };
    }
    const { code_verifier: verifier, ...rest } = sent;
    same("token request", rest, {
      ...mapped(own.tokenParameters, values, more),
      ...resource,
      grant_type: "authorization_code",
      [named(scheme, "code")]: CODE,
      [named(scheme, "redirect_uri")]: redirectUri(),
    });
    const proof = authorization.plain ? verifier : s256(String(verifier));
    if (own.pkce === false) same("verifier", verifier, undefined);
    else same("verifier", proof, authorization.challenge);
    const body = tokenAnswer(scheme, scopes, { access: ACCESS[0]!, refresh: own.longLived ? null : REFRESH });
    const claims = {
      iss: own.issuer,
      aud: client.id,
      sub: "account-1",
      ...(authorization.nonce && { nonce: authorization.nonce }),
    };
    return { body: own.issuer && own.jwksUri ? { ...body, id_token: idToken(claims) } : body };
  }

  /** Whether a call carries the token as the data say. */
  function carries(request: Seen, own: { headers?: Record<string, string> } | undefined): void {
    const last = asked.includes("refresh") ? ACCESS[(scheme as OAuth2SchemeDefinition).longLived ? 2 : 1]! : present();
    const token = scheme.followUp?.token ? `session-${last}` : last;
    const apply = scheme.apply ?? { headers: { authorization: "Bearer {token}" } };
    const headers = { ...mapped(apply.headers, values, { ...more, token }), ...mapped(own?.headers, values, { ...more, token }) };
    for (const [name, value] of Object.entries(headers)) hasHeader(request, name, value);
    presents(request);
    for (const [name, value] of Object.entries(mapped(apply.query, values, { ...more, token })))
      same(`query ${name}`, request.url.searchParams.get(name), value);
  }

  const present = () => ACCESS[asked.includes("exchange") ? 1 : 0]!;

  function answer(request: Seen): Reply | undefined {
    const own = scheme as OAuth2SchemeDefinition;
    if (own.jwksUri && at(request, own.jwksUri)) return { body: JWKS };
    if (own.userinfoUrl && at(request, own.userinfoUrl) && !asked.includes("refresh")) {
      asked.push("userinfo");
      carries(request, own.account?.request);
      return { body: userinfoAnswer(own) };
    }
    const { api } = connector;
    const path = api?.verification && url((api.verification.baseUrl ?? api.baseUrl) + api.verification.path);
    if (path && request.url.href.startsWith(path.href) && request.method === api!.verification!.method) {
      asked.push("api");
      carries(request, { headers: mapped(api!.headers, values, more) });
      const { expectedBody: well } = api!.verification!;
      return { body: well ? well.path.split(".").reduceRight<unknown>((inside, key) => ({ [key]: inside }), well.equals) : {} };
    }
    const revocation = own.revocation ?? (scheme.revocationUrl ? { url: scheme.revocationUrl } : null);
    if (revocation && at(request, revocation.url) && asked.includes("done")) {
      asked.push("revoke");
      same("method", request.method, ("method" in revocation && revocation.method) || "POST");
      return { body: {} };
    }
    return tokenRequest(request) ?? void problems.push(`nobody asks ${request.method} ${request.url.href}`);
  }

  return { authorize, answer, problems, asked };
}

function named(scheme: Scheme, name: "client_id" | "client_secret" | "redirect_uri" | "code"): string {
  return (scheme.type === "OAUTH2" && scheme.parameterNames?.[name]) || name;
}

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value ?? null;
  return Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}
