import { MoorlineError, Refused, Unauthenticated, Unreachable } from "./errors.ts";
import type { MoorlineOptions, Session } from "./types.ts";
import { backoff, pause } from "./waiting.ts";

/** A document of the generated client: text that knows its result and variables. */
export interface Document<Result, Variables> {
  toString(): string;
  __apiType?: (variables: Variables) => Result;
}

/** A GraphQL error as it stands in an answer, a message or an event. */
export interface ErrorInAnswer {
  message: string;
  extensions?: { code?: string; retryAfterSeconds?: number };
}

export interface Tokens {
  get(): Promise<string>;
  /** Moorline refused this one; absent: the latest. True: another one can be had. */
  refused(token?: string): boolean;
}

export interface Api {
  endpoint: string;
  tokens: Tokens;
  fetch: typeof globalThis.fetch;
  headers(token: string, accept: string): Record<string, string>;
  /** One operation. Asks for a new session once if the present one has ended. */
  run<Result, Variables>(document: Document<Result, Variables>, variables: Variables, signal?: AbortSignal): Promise<Result>;
  /** The same for what may be repeated: three times, where Moorline cannot be reached. */
  insist<Result, Variables>(document: Document<Result, Variables>, variables: Variables, signal?: AbortSignal): Promise<Result>;
}

const ATTEMPTS = 3;

export function createApi(options: MoorlineOptions): Api {
  const endpoint = endpointOf(options.url);
  const tokens = createTokens(options.session);
  const fetch = options.fetch ?? globalThis.fetch.bind(globalThis);

  function headers(token: string, accept: string): Record<string, string> {
    return {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      accept,
      ...(options.locale && { "accept-language": options.locale }),
    };
  }

  async function once<Result>(query: string, variables: unknown, token: string, signal?: AbortSignal): Promise<Result> {
    let answer: { data?: Result | null; errors?: ErrorInAnswer[] };
    try {
      const body = JSON.stringify({ query, variables });
      const init = { method: "POST", headers: headers(token, "application/json"), body, signal: signal ?? null } as const;
      // No cookie of Moorline's counts here: the session says who it is.
      const response = await fetch(endpoint, { ...init, credentials: "omit", cache: "no-store" });
      answer = await response.json();
    } catch (error) {
      signal?.throwIfAborted();
      throw new Unreachable("Moorline cannot be reached.", null, error);
    }
    if (answer?.errors?.[0]) throw asError(answer.errors[0]);
    if (!answer?.data) throw new Unreachable("Something in between answered in place of Moorline.");
    return answer.data;
  }

  async function run<Result, Variables>(document: Document<Result, Variables>, variables: Variables, signal?: AbortSignal) {
    const query = String(document);
    const token = await tokens.get();
    try {
      signal?.throwIfAborted();
      return await once<Result>(query, variables, token, signal);
    } catch (error) {
      if (!(error instanceof Unauthenticated) || !tokens.refused(token)) throw error;
      return once<Result>(query, variables, await tokens.get(), signal);
    }
  }

  async function insist<Result, Variables>(document: Document<Result, Variables>, variables: Variables, signal?: AbortSignal) {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await run(document, variables, signal);
      } catch (error) {
        if (!(error instanceof Unreachable) || attempt === ATTEMPTS) throw error;
        await pause(backoff(attempt, error.retryAfterSeconds), signal);
      }
    }
  }

  return { endpoint, tokens, fetch, headers, run, insist };
}

function endpointOf(url: string | undefined): string {
  const base = url ?? (globalThis as { location?: { origin?: string } }).location?.origin;
  if (!base) throw new TypeError('Moorline\'s address is needed: { url: "https://…" }.');
  return new URL("/graphql", base).href;
}

/** Many callers who need a token at the same time share one question to the product's back end. */
function createTokens(session: Session): Tokens {
  let current: Promise<string> | null = null;
  let known: string | null = null;

  async function ask(): Promise<string> {
    try {
      known = await (typeof session === "function" ? session() : session);
      return known;
    } catch (error) {
      current = null;
      if (error instanceof MoorlineError) throw error;
      // What `fetch` throws where the network is gone: that passes.
      if (error instanceof TypeError) throw new Unreachable("The session could not be fetched.", null, error);
      throw new Unauthenticated("UNAUTHENTICATED", "The session could not be obtained.", null, error);
    }
  }

  return {
    get() {
      current ??= ask();
      return current;
    },
    refused(token) {
      if (typeof session === "string") return false;
      // Only the one that was refused: another caller may have got a new one meanwhile.
      if (token === undefined || known === token) current = null;
      return true;
    },
  };
}

/** A GraphQL error as one of ours. What passes by itself is Unreachable. */
export function asError({ message, extensions }: ErrorInAnswer, requestId: string | null = null): MoorlineError {
  const code = extensions?.code ?? "INTERNAL";
  if (code === "UNAUTHENTICATED" || code === "SESSION_EXPIRED") return new Unauthenticated(code, message, requestId);
  if (code === "RATE_LIMITED" || code === "INTERNAL" || code === "TIMEOUT")
    return new Unreachable(message, requestId, undefined, extensions?.retryAfterSeconds ?? null);
  return new Refused(code, message, requestId);
}
