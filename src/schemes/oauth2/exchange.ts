import type { CustomFetch } from "openid-client";
import { Failure } from "../../lib/failure.ts";
import { Secret } from "../../lib/secret.ts";
import { clientTls, presentingFailure } from "../client-certificate.ts";
import { failure, meaningOf, networkFailure, type OAuthFailure, providerFailure, retryAfterSeconds } from "./failures.ts";
import { errorIn, normaliseAnswer, parseBody } from "./quirks.ts";
import { shapeRequest } from "./requests.ts";
import type { CallOptions, ClientTls, Fetch, OnRawAnswer, TokenClient } from "./types.ts";
import { secretsOf, withoutSecrets } from "./without-secrets.ts";

export const DEFAULT_TIMEOUT_MS = 20_000;
/** Design section 10: decoded bytes of a token endpoint's answer. */
const MAX_BYTES = 1_048_576;

/** What happened on the wire during one exchange, so that a failure can be told from it and not from a library's error. */
export interface Exchange {
  fetch: CustomFetch;
  /** The answer in the standard's form; null until it came, or where it was no JSON object. */
  readonly answer: { status: number; body: Record<string, unknown> | null; retryAfterSeconds: number | null } | null;
  readonly hasIdToken: boolean;
  /** Turns whatever openid-client threw into a Failure, or into the caller's own error where `onRawAnswer` threw. */
  explain(error: unknown): unknown;
}

export interface ExchangeOptions extends CallOptions {
  client: TokenClient;
  /** Requests to this URL are the exchange proper; others (keys) pass through. */
  url: string;
  onRawAnswer?: OnRawAnswer;
  /** Status that openid-client expects of a success; default 200. */
  success?: number;
  /** False: an ID token in the answer is left out, because there is nothing to check it against, or nobody needs it. */
  keepIdToken: boolean;
  /** Default POST, unless the data says otherwise. */
  method?: "GET";
}

/** One request to a token-like endpoint, with the connector's quirks applied before openid-client sees the answer. */
export function createExchange(options: ExchangeOptions): Exchange {
  const state = { thrown: null as unknown, answer: null as Exchange["answer"], hasIdToken: false, secrets: [] as string[] };
  const remember = (error: unknown) => {
    state.thrown = error;
    return error;
  };
  return {
    get answer() {
      return state.answer;
    },
    get hasIdToken() {
      return state.hasIdToken;
    },
    async fetch(url, init) {
      const timeoutMs = options.timeoutMs ?? DEFAULT_TIMEOUT_MS;
      if (url !== new URL(options.url).href) return passThrough(options.fetch, url, init as RequestInit, timeoutMs, remember);
      const asked = { ...(init as RequestInit), ...(options.method && { method: options.method }) };
      const request = shapeRequest(options.client, options.url, asked);
      state.secrets = secretsOf({ ...request.init, url: request.url });
      const tls = presented(options.client, remember);
      const { text, status, headers } = await send(options.fetch, { ...request, tls }, timeoutMs, remember);
      try {
        await options.onRawAnswer?.(new Secret(text), status);
      } catch (error) {
        throw remember(error);
      }
      const parsed = parseBody(text);
      const answer = parsed ? normaliseAnswer(options.client.scheme, { status, body: parsed }) : { status, body: null };
      if (answer.body && (!options.keepIdToken || answer.body.id_token === "")) delete answer.body.id_token;
      state.answer = { ...answer, retryAfterSeconds: retryAfterSeconds(headers) };
      state.hasIdToken = answer.body?.id_token !== undefined;
      return new Response(answer.body ? JSON.stringify(answer.body) : text, {
        status: answer.status === 200 ? (options.success ?? 200) : answer.status,
        headers: { "content-type": answer.body ? "application/json" : "text/plain" },
      });
    },
    explain: (error) => state.thrown ?? (error instanceof Failure ? error : null) ?? explain(options.client, state, error),
  };
}

function presented(client: TokenClient, remember: (error: unknown) => unknown): ClientTls | undefined {
  try {
    return clientTls(client);
  } catch (error) {
    throw remember(error);
  }
}

async function send(
  fetch: Fetch,
  { url, init, tls }: { url: string; init: RequestInit; tls: ClientTls | undefined },
  timeoutMs: number,
  remember: (error: unknown) => unknown,
) {
  try {
    const response = await fetch(url, { ...init, redirect: "manual", timeoutMs, maxBytes: MAX_BYTES, ...(tls && { tls }) });
    return { text: await response.text(), status: response.status, headers: response.headers };
  } catch (error) {
    throw remember(tls ? presentingFailure(error) : networkFailure(error));
  }
}

async function passThrough(
  fetch: Fetch,
  url: string,
  init: RequestInit,
  timeoutMs: number,
  remember: (error: unknown) => unknown,
) {
  try {
    const { method, headers, body } = init;
    const response = await fetch(url, { method, headers, body, redirect: "manual", timeoutMs, maxBytes: MAX_BYTES });
    return new Response(await response.arrayBuffer(), { status: response.status, headers: response.headers });
  } catch (error) {
    throw remember(networkFailure(error));
  }
}

function explain(
  client: TokenClient,
  { answer, secrets }: { answer: Exchange["answer"]; secrets: readonly string[] },
  error: unknown,
): OAuthFailure {
  if (isIssuerMismatch(error)) return failure("ISSUER_MISMATCH", { providerStatus: answer?.status ?? null });
  // No request was made: the fault is ours, and the library's error may hold what was to be sent.
  if (!answer) return failure("INTERNAL");
  const said = answer.body ? errorIn(answer.body) : null;
  const { status, retryAfterSeconds: wait } = answer;
  if (said) {
    const meaning = meaningOf(client.scheme, said.code, said.description);
    const known = meaning === "DENIED" ? "INVALID_GRANT" : meaning;
    const quoted = [...secrets, ...tokensIn(answer.body)];
    const code = withoutSecrets(said.code, quoted);
    const description = withoutSecrets(said.description, quoted);
    return providerFailure(known, { code, description, status, retryAfterSeconds: wait });
  }
  if (status >= 500 || status === 429)
    return providerFailure(null, { code: null, description: null, status, retryAfterSeconds: wait });
  // RFC 6749 section 5.2: 401 is for a client that failed to authenticate, even where the body does not say so.
  if (status === 401) return providerFailure("INVALID_CLIENT", { code: null, description: null, status });
  return failure("MALFORMED_RESPONSE", { providerStatus: status });
}

function tokensIn(body: Record<string, unknown> | null): string[] {
  return ["access_token", "refresh_token", "id_token"].map((name) => body?.[name]).filter((value) => typeof value === "string");
}

/** The claim or parameter that did not match is named deep in the library's error; nothing else of it is looked at. */
function isIssuerMismatch(error: unknown): boolean {
  for (let current = error, depth = 0; depth < 4 && typeof current === "object" && current !== null; depth++) {
    if ("claim" in current && current.claim === "iss") return true;
    current = "cause" in current ? current.cause : null;
  }
  return false;
}
