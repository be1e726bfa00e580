import * as oidc from "openid-client";
import { Secret } from "../../lib/secret.ts";
import { configure, endpoint, expandAll } from "./client.ts";
import { scopeParameter } from "./client-credentials.ts";
import { createExchange } from "./exchange.ts";
import { explainFlow, failure, inert, meaningOf } from "./failures.ts";
import { errorIn } from "./quirks.ts";
import { tokenSet } from "./token-set.ts";
import type { CallOptions, OAuth2Client, OnRawAnswer, TokenSet } from "./types.ts";

const GRANT_TYPE = "urn:ietf:params:oauth:grant-type:device_code";
/** RFC 8628 section 3.2: what holds where the provider does not say. */
const DEFAULT_INTERVAL_SECONDS = 5;
const MAX_INTERVAL_SECONDS = 300;

/** What the user does on another device, and what we ask the token endpoint with meanwhile (RFC 8628 section 3.2). */
export interface DeviceAuthorization {
  deviceCode: Secret;
  userCode: string;
  verificationUri: string;
  /** With the user code in it; null: not offered. */
  verificationUriComplete: string | null;
  expiresInSeconds: number;
  intervalSeconds: number;
}

export interface BeginDeviceInput extends CallOptions {
  client: OAuth2Client;
  scopes: readonly string[];
  /** Whether a plain-http address may be shown as a link. */
  allowHttp(url: URL): boolean;
}

/** Asks for a device code (RFC 8628 section 3.1). Throws a Failure. */
export async function beginDevice(input: BeginDeviceInput): Promise<DeviceAuthorization> {
  const { client, scopes } = input;
  const url = endpoint(client, client.scheme.deviceAuthorizationUrl ?? "");
  const exchange = createExchange({ ...input, url, keepIdToken: false });
  try {
    const config = await configure(client, exchange.fetch);
    const answer = await oidc.initiateDeviceAuthorization(config, scopeParameter(client, scopes));
    return {
      deviceCode: new Secret(answer.device_code),
      userCode: shown(answer.user_code),
      verificationUri: link(answer.verification_uri, input),
      verificationUriComplete: answer.verification_uri_complete ? link(answer.verification_uri_complete, input) : null,
      expiresInSeconds: Math.floor(answer.expires_in),
      intervalSeconds: Math.min(answer.interval ?? DEFAULT_INTERVAL_SECONDS, MAX_INTERVAL_SECONDS),
    };
  } catch (error) {
    throw explainFlow(exchange.explain(error));
  }
}

/** What is shown to a person is text of one line, whatever the provider sent. */
function shown(userCode: string): string {
  const text = inert(userCode, 100);
  if (text === null || text !== userCode) throw malformed("The provider's user code is not one that a person could type.");
  return text;
}

/** An address that our pages and the product make a link of: never `javascript:` or the like. */
function link(value: string, { allowHttp }: BeginDeviceInput): string {
  const url = URL.parse(value);
  const isWeb = url !== null && (url.protocol === "https:" || (url.protocol === "http:" && allowHttp(url)));
  if (!isWeb || value.length > 2_000 || !value.isWellFormed())
    throw malformed("The provider's verification address is not a web address.");
  return value;
}

function malformed(message: string) {
  return failure("MALFORMED_RESPONSE", { message });
}

export interface PollDeviceInput extends CallOptions {
  client: OAuth2Client;
  deviceCode: Secret;
  /** As sent in `beginDevice`. */
  scopes: readonly string[];
  onRawAnswer: OnRawAnswer;
}

export type DevicePoll =
  | { outcome: "TOKENS"; tokens: TokenSet }
  /** Not yet: ask again after the interval. */
  | { outcome: "PENDING" }
  /** Not yet, and too often: the interval is five seconds more from now on, or what the provider says. */
  | { outcome: "SLOW_DOWN"; intervalSeconds: number | null }
  /** The user said no. */
  | { outcome: "DENIED" }
  | { outcome: "EXPIRED" };

/** One token request for a device code (RFC 8628 section 3.4). Throws a Failure, or what `onRawAnswer` threw. */
export async function pollDevice(input: PollDeviceInput): Promise<DevicePoll> {
  const { client, scopes } = input;
  const { scheme } = client;
  const keepIdToken = scheme.issuer !== undefined && scheme.jwksUri !== undefined;
  const exchange = createExchange({ ...input, url: endpoint(client, scheme.tokenUrl), keepIdToken });
  try {
    const config = await configure(client, exchange.fetch);
    const parameters = { ...expandAll(client, scheme.tokenParameters), device_code: input.deviceCode.reveal() };
    const answer = await oidc.genericGrantRequest(config, GRANT_TYPE, parameters);
    return { outcome: "TOKENS", tokens: tokenSet(client, answer, exchange, scopes) };
  } catch (error) {
    const explained = exchange.explain(error);
    const answer = exchange.answer;
    const said = answer && answer.status !== 200 && answer.body ? errorIn(answer.body) : null;
    switch (said?.code) {
      case "authorization_pending":
        return { outcome: "PENDING" };
      case "slow_down":
        return { outcome: "SLOW_DOWN", intervalSeconds: secondsIn(answer?.body?.interval) };
      case "expired_token":
        return { outcome: "EXPIRED" };
    }
    if (said && meaningOf(scheme, said.code, said.description) === "DENIED") return { outcome: "DENIED" };
    throw explainFlow(explained);
  }
}

function secondsIn(value: unknown): number | null {
  const seconds = Number(value);
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, MAX_INTERVAL_SECONDS) : null;
}
