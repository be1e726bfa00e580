/** Whether an endpoint is there: name, connection, TLS and an answer, each told apart. */
import { EgressError, type EgressErrorCode } from "../egress/errors.ts";
import { type Check, failed, passed, skipped, warning } from "./check.ts";
import { inert } from "./oauth2/failures.ts";
import type { Fetch } from "./oauth2/types.ts";
import { tlsProblem } from "./tls-problem.ts";

/** One endpoint, and how to knock there without asking for anything. */
export interface Place {
  /** The check's: `TOKEN_ENDPOINT_REACHABLE`. */
  name: string;
  /** In words, at the beginning of a sentence: `The token endpoint`. */
  label: string;
  url: string;
  /** POST goes with an empty form: many servers know a POST endpoint by no other method. */
  method: "GET" | "POST" | "HEAD";
  /** True where nothing of ours can follow a redirect: what is sent there holds secrets. */
  redirectFails: boolean;
  /** False: nothing need be at this very path. */
  mustExist: boolean;
}

export interface Reached {
  place: Place;
  check: Check;
  /** What is wrong with its TLS, or null; `spoke`: whether a TLS connection came about. */
  tls: { spoke: boolean; problem: string | null };
  /** Its clock against ours, in milliseconds; null: it did not say. */
  skewMs: number | null;
  /** Head and body of the answer; null: none. */
  answer: { status: number; text: string } | null;
}

const MAX_BYTES = 1_048_576;

export async function reach(place: Place, fetch: Fetch): Promise<Reached> {
  const post = place.method === "POST";
  const headers = {
    accept: "application/json, */*;q=0.5",
    "user-agent": "Moorline",
    ...(post && { "content-type": "application/x-www-form-urlencoded" }),
  };
  const started = Date.now();
  try {
    const init = { method: place.method, headers, redirect: "manual", maxBytes: MAX_BYTES } as const;
    const response = await fetch(place.url, { ...init, ...(post && { body: "" }) });
    const skewMs = skewOf(response.headers, (started + Date.now()) / 2);
    // That it answers is what was asked; how much it sends is not.
    const text = await response.text().catch(() => "");
    const tls = { spoke: place.url.startsWith("https:"), problem: null };
    return { place, check: judge(place, response), tls, skewMs, answer: { status: response.status, text } };
  } catch (error) {
    const problem = error instanceof EgressError && error.code === "TLS_ERROR" ? tlsProblem(error.cause) : null;
    const check = unreachable(place, error, problem);
    return { place, check, tls: { spoke: false, problem: problem?.message ?? null }, skewMs: null, answer: null };
  }
}

/** The origin without its default port: what a person calls the host. */
export function hostOf(url: string): string {
  return URL.parse(url)?.host ?? "the host";
}

function judge({ name, label, url, redirectFails, mustExist, method }: Place, response: Response): Check {
  const { status } = response;
  if (status >= 300 && status < 400 && redirectFails) {
    const to = inert(response.headers.get("location"), 300);
    return failed(
      name,
      `${label} at ${hostOf(url)} redirects (${status})${to ? ` to ${to}` : ""}. Secrets are never sent on to another address.`,
      "Enter the address that it leads to, if it is the provider's.",
    );
  }
  if (mustExist && (status === 404 || status === 410)) {
    return warning(
      name,
      `${label} answers, but ${hostOf(url)} says ${status} to its path: nothing may be there.`,
      "Compare the path with the provider's documentation, letter by letter.",
    );
  }
  if (status >= 500) {
    return warning(
      name,
      `${label} at ${hostOf(url)} answers with an error of its own (${status}).`,
      "Try again later; if it stays, look at the provider's status page.",
    );
  }
  return passed(name, `${label} at ${hostOf(url)} answers (${status} to ${method === "POST" ? "an empty form" : method}).`);
}

const WORDS: Record<Exclude<EgressErrorCode, "TLS_ERROR">, (host: string) => [message: string, remedy: string]> = {
  BLOCKED_ADDRESS: (host) => [
    `${host} is not at a public address, so it is not called.`,
    "Use a public host name, or have the operator allow the address (MOORLINE_EGRESS_ALLOW).",
  ],
  HOST_NOT_FOUND: (host) => [
    `the host name of ${host} was not found.`,
    "Check its spelling, and the values that are filled into it.",
  ],
  CONNECTION_REFUSED: (host) => [
    `${host} refuses the connection, or no way leads there.`,
    "Check host and port, and whether a firewall stands between.",
  ],
  TIMEOUT: (host) => [`${host} did not answer in time.`, "Check host and port, or try again when it is less busy."],
  TOO_LARGE: (host) => [`the answer of ${host} is far too large.`, "Check that the address is the right one."],
  CONNECTION_LOST: (host) => [
    `the connection to ${host} broke before an answer came.`,
    "Check that the port speaks HTTP, and that https:// and http:// are not mixed up.",
  ],
};

function unreachable({ name, label, url }: Place, error: unknown, tls: ReturnType<typeof tlsProblem> | null): Check {
  const host = hostOf(url);
  if (tls)
    return failed(name, `${label} cannot be reached: no secure connection to ${host}, because ${tls.message}.`, tls.remedy);
  const code = error instanceof EgressError && error.code !== "TLS_ERROR" ? error.code : "CONNECTION_LOST";
  const [message, remedy] = WORDS[code](host);
  return failed(name, `${label} cannot be reached: ${message}`, remedy);
}

/** Whole seconds are all that the header has, and a cache's copy says nothing about now (RFC 9110 section 6.6.1, RFC 9111 section 5.1). */
function skewOf(headers: Headers, at: number): number | null {
  const told = Date.parse(headers.get("date") ?? "");
  return Number.isNaN(told) || headers.has("age") ? null : told + 500 - at;
}

/** One check for all of the places: what is secured, how, and what is not. */
export function tlsCheck(reached: readonly Reached[]): Check {
  const name = "TLS_VALID";
  const broken = reached.find(({ tls }) => tls.problem !== null);
  if (broken) {
    return failed(
      name,
      `No secure connection to ${hostOf(broken.place.url)}: ${broken.tls.problem}.`,
      broken.check.remedy ?? "Check the server's certificate.",
    );
  }
  const plain = [...new Set(reached.filter(({ place }) => place.url.startsWith("http:")).map(({ place }) => hostOf(place.url)))];
  if (plain.length > 0) {
    return warning(
      name,
      `${plain.join(", ")}: plain http, without TLS. Whoever is on the way reads secrets and passwords; on this machine itself nobody is.`,
      "Use https:// for everything but a server on this machine.",
    );
  }
  const spoken = [...new Set(reached.filter(({ tls }) => tls.spoke).map(({ place }) => hostOf(place.url)))];
  if (spoken.length === 0) return skipped(name, "No address could be reached to look at its certificate.");
  return passed(name, `The certificates of ${spoken.join(", ")} are valid, and TLS 1.2 or later is spoken.`);
}

const TOLERATED_MS = 60_000;

/** Signed assertions and ID tokens are refused where the clocks are too far apart. The token endpoint's answer counts first. */
export function clockCheck(reached: readonly Reached[]): Check {
  const name = "CLOCK_IN_STEP";
  const told = reached.filter(({ skewMs }) => skewMs !== null);
  const first = told.find(({ place }) => place.name === "TOKEN_ENDPOINT_REACHABLE") ?? told[0];
  if (!first) return skipped(name, "No answer said what time it is there.");
  const seconds = Math.round(Math.abs(first.skewMs!) / 1000);
  const host = hostOf(first.place.url);
  if (Math.abs(first.skewMs!) <= TOLERATED_MS) return passed(name, `The clock of ${host} and ours agree.`);
  return warning(
    name,
    `The clock of ${host} is ${seconds} seconds ${first.skewMs! > 0 ? "ahead of" : "behind"} ours. Signed requests and ID tokens may be refused.`,
    "Set this machine's clock by NTP; if ours is right, tell the provider.",
  );
}
