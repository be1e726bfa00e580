/**
 * Whether the provider knows our redirect URI, without a user: an authorization request whose answer is not followed. It may be sent on to
 * the redirect URI, to the provider's sign-in page, or be refused; what the provider does with a URI that nobody registered tells the rest.
 */
import { randomBytes } from "node:crypto";
import { EgressError } from "../../egress/errors.ts";
import { Failure, type FailureDetails } from "../../lib/failure.ts";
import { type Check, failed, passed, skipped, warning } from "../check.ts";
import { begin } from "./begin.ts";
import { quoted } from "./diagnose-client.ts";
import { inert, meaningOf, networkFailure, providerFailure } from "./failures.ts";
import type { CallOptions, OAuth2Client } from "./types.ts";
import { likelyMistakes, uriDifference } from "./uri-difference.ts";

const NAME = "REDIRECT_URI_REGISTERED";
const ACCEPTED = "AUTHORIZATION_REQUEST_ACCEPTED";

export interface RedirectInput extends CallOptions {
  client: OAuth2Client;
  scopes: readonly string[];
  /** The config's own parameters of the authorization request. */
  parameters: Readonly<Record<string, string>>;
  /** What the token endpoint said, should the authorization endpoint not tell. */
  refusedAtTokenEndpoint: Promise<boolean>;
}

export interface RedirectDiagnosis {
  registered: Check;
  accepted: Check;
  /** Where the provider refuses the scopes by name. */
  scopesRefused: FailureDetails | null;
}

/** What the provider did with an authorization request. */
type Answer =
  /** Sent to the redirect URI, which a provider does for registered ones only (RFC 6749 section 4.1.2.1). */
  | { kind: "CALLBACK"; error: FailureDetails | null }
  /** A page, or a way to one: a sign-in, as far as anybody can tell. */
  | { kind: "GOES_ON" }
  | { kind: "REDIRECT_URI_REFUSED" }
  | { kind: "REFUSED"; details: FailureDetails | null; status: number | null }
  | { kind: "UNANSWERED"; details: FailureDetails };

/** Never throws for what the provider does. */
export async function diagnoseRedirect(input: RedirectInput): Promise<RedirectDiagnosis> {
  const { redirectUri } = input.client;
  const answer = await knock(input, redirectUri);
  const error = answer.kind === "CALLBACK" ? answer.error : null;
  const scopesRefused = error && /SCOPE/.test(error.code) ? error : scopesOf(answer);
  const registered = await judge(input, answer);
  return { registered, accepted: accepted(answer, scopesRefused !== null), scopesRefused };
}

function scopesOf(answer: Answer): FailureDetails | null {
  return answer.kind === "REFUSED" && answer.details && /SCOPE/.test(answer.details.code) ? answer.details : null;
}

async function judge(input: RedirectInput, answer: Answer): Promise<Check> {
  const { redirectUri } = input.client;
  if (answer.kind === "UNANSWERED") {
    return skipped(NAME, `The authorization endpoint could not be asked: ${answer.details.message}`, answer.details.remedy);
  }
  if (answer.kind === "REDIRECT_URI_REFUSED") return unregistered(input);
  if (input.client.scheme.redirectUri) {
    return skipped(
      NAME,
      "The provider knows our redirect URI by a name of its own, and does not tell what that stands for.",
      `Compare in its developer console: the name has to lead to ${redirectUri}.`,
    );
  }
  const control = await knock(input, strangerOf(redirectUri));
  if (answer.kind === "CALLBACK") return control.kind === "CALLBACK" ? sendsAnywhere() : known(redirectUri);
  if (answer.kind === "GOES_ON" && (control.kind === "REDIRECT_URI_REFUSED" || control.kind === "REFUSED")) {
    return known(redirectUri);
  }
  if (await input.refusedAtTokenEndpoint) return unknown(redirectUri, "The token endpoint refuses");
  return untold(answer, redirectUri);
}

async function knock(input: RedirectInput, redirectUri: string): Promise<Answer> {
  const client = { ...input.client, redirectUri };
  const random = () => randomBytes(32).toString("base64url");
  try {
    const { url } = await begin({ ...input, client, state: random(), nonce: random(), codeVerifier: random() });
    const headers = { accept: "text/html,application/xhtml+xml,*/*;q=0.8", "user-agent": "Moorline" };
    const response = await input.fetch(url, { method: "GET", headers, redirect: "manual" });
    return read({ client, url }, response, await response.text().catch(() => ""));
  } catch (error) {
    if (error instanceof EgressError) return { kind: "UNANSWERED", details: networkFailure(error).details };
    if (error instanceof Failure) return pushedError(error.details);
    throw error;
  }
}

/** A pushed request (RFC 9126) is refused before there is anything to open. */
function pushedError(details: FailureDetails): Answer {
  if (details.code === "REDIRECT_URI_MISMATCH") return { kind: "REDIRECT_URI_REFUSED" };
  const known = details.providerStatus != null && details.providerStatus < 500 && details.code !== "RATE_LIMITED";
  return known ? { kind: "REFUSED", details, status: details.providerStatus! } : { kind: "UNANSWERED", details };
}

interface Asked {
  client: OAuth2Client;
  /** The authorization URL. */
  url: string;
}

function read(asked: Asked, response: Response, text: string): Answer {
  const { client } = asked;
  const { status } = response;
  if (status === 429 || status >= 500) {
    return { kind: "UNANSWERED", details: providerFailure(null, { code: null, description: null, status }).details };
  }
  const location = status >= 300 && status < 400 ? (response.headers.get("location") ?? "") : null;
  if (location !== null) return readLocation(asked, location, status);
  if (namesRedirectUri(status === 200 ? visible(text) : text, client.redirectUri)) return { kind: "REDIRECT_URI_REFUSED" };
  if (status >= 400) return { kind: "REFUSED", details: null, status };
  return { kind: "GOES_ON" };
}

/** Asked without a person, many providers only say that there should be one: a good answer (OpenID Connect Core section 3.1.2.6). */
const PERSON_NEEDED = /^(login|consent|interaction|account_selection)_required$/;

function readLocation({ client, url: from }: Asked, location: string, status: number): Answer {
  const url = URL.parse(location, from);
  const isCallback =
    url !== null && [client.redirectUri, new URL(client.redirectUri).href].includes(`${url.origin}${url.pathname}`);
  const parameters = url ? new URLSearchParams(url.search || url.hash.slice(1)) : new URLSearchParams();
  const code = parameters.get("error");
  const description = parameters.get("error_description");
  if (isCallback) {
    const meaning = code === null ? null : meaningOf(client.scheme, code, description);
    if (code === null || meaning === "DENIED" || PERSON_NEEDED.test(code)) return { kind: "CALLBACK", error: null };
    return { kind: "CALLBACK", error: providerFailure(meaning, { code, description: null, status: null }).details };
  }
  // An error page of the provider's own, with what is wrong in its address.
  const told = [...parameters].map(([name, value]) => `${name} ${value} ${decoded(value)}`).join(" ");
  const isError = code !== null || /error/i.test(`${url?.pathname ?? ""} ${[...parameters.keys()].join(" ")}`);
  if (isError && namesRedirectUri(told, client.redirectUri)) return { kind: "REDIRECT_URI_REFUSED" };
  if (code !== null && meaningOf(client.scheme, code, description) === "REDIRECT_URI_MISMATCH")
    return { kind: "REDIRECT_URI_REFUSED" };
  if (!isError) return { kind: "GOES_ON" };
  const meaning = code === null ? null : meaningOf(client.scheme, code, description);
  const details =
    code === null ? null : providerFailure(meaning === "DENIED" ? null : meaning, { code, description: null, status }).details;
  return { kind: "REFUSED", details, status };
}

/** What providers write where the redirect URI is the trouble. That one stands in the request says nothing, so it is taken out first. */
const ABOUT_REDIRECT_URI = [
  /redirect[_\s-]?ur[il]s?(?:_|\b)[^.<>{}]{0,120}\b(?:mismatch|match|invalid|not|unknown|unregistered|allowed|illegal|wrong|missing from)/i,
  /(?:mismatch\w*|invalid|unregistered|unknown|illegal|wrong|bad|unauthorized|disallowed)[^.<>{}]{0,60}\bredirect[_\s-]?ur[il]/i,
  /redirect_?ur[il]_?mismatch|invalid_redirect_?ur[il]/i,
  /\bAADSTS5001[12]\d?\b/,
];

function namesRedirectUri(text: string, redirectUri: string): boolean {
  const spellings = [redirectUri, encodeURIComponent(redirectUri), redirectUri.replaceAll("&", "&amp;")];
  const rest = spellings.reduce((left, spelling) => left.replaceAll(spelling, ""), text.slice(0, 200_000));
  return ABOUT_REDIRECT_URI.some((pattern) => pattern.test(rest));
}

/** What a person reads on a page; scripts bring the words for every error there is. The one code that names itself stays. */
function visible(html: string): string {
  const codes = /\bAADSTS\d+/.exec(html)?.[0] ?? "";
  return `${codes} ${html.replace(/<(script|style|template)\b[\s\S]*?<\/\1\s*>/gi, " ").replace(/<[^>]*>/g, " ")}`;
}

/** Base64, in which some providers put an error into an address; empty where it is none. */
function decoded(value: string): string {
  return /^[\w+/=-]{16,4000}$/.test(value) ? Buffer.from(value, "base64").toString("latin1") : "";
}

/** The same host and path, and yet one that nobody has registered. */
function strangerOf(redirectUri: string): string {
  return `${redirectUri.replace(/\/$/, "")}-${randomBytes(6).toString("hex")}`;
}

/** Which of the usual mistakes is registered instead, if any: each is tried. */
async function unregistered(input: RedirectInput): Promise<Check> {
  const { redirectUri } = input.client;
  const tried = await Promise.all(likelyMistakes(redirectUri).map(async (uri) => ({ uri, answer: await knock(input, uri) })));
  const found = tried.find(({ answer }) => answer.kind === "CALLBACK") ?? tried.find(({ answer }) => answer.kind === "GOES_ON");
  if (!found) return unknown(redirectUri, "The provider refuses");
  return failed(
    NAME,
    `The provider knows ${found.uri} for this client, and not ${redirectUri}. They differ in ${uriDifference(redirectUri, found.uri)}.`,
    `Register ${redirectUri} at the provider, character for character.`,
  );
}

function unknown(redirectUri: string, who: string): Check {
  return failed(
    NAME,
    `${who} the redirect URI ${redirectUri}: it is not registered for this client.`,
    "Register it at the provider, character for character: scheme, host, port, path and the slash at its end count.",
  );
}

function known(redirectUri: string): Check {
  return passed(NAME, `The provider knows the redirect URI ${redirectUri} for this client, and refuses another one.`);
}

function sendsAnywhere(): Check {
  return warning(
    NAME,
    "The provider sends its answer to any redirect URI, registered or not: whoever makes up a link can have the user's code.",
    "Register the redirect URI exactly, and tell the provider that it must compare it (RFC 9700 section 2.1).",
  );
}

function untold(answer: Answer, redirectUri: string): Check {
  if (answer.kind === "REFUSED") {
    const said = answer.details ? quoted(answer.details) : ` It answered ${answer.status}.`;
    return skipped(
      NAME,
      `The provider refuses the authorization request before it looks at the redirect URI.${said}`,
      "See to the client id first, then diagnose again.",
    );
  }
  return skipped(
    NAME,
    "The provider shows the same page whatever the redirect URI is, so it does not tell without a sign-in.",
    `Compare what is registered there with ${redirectUri}, character for character.`,
  );
}

function accepted(answer: Answer, isAboutScopes: boolean): Check {
  switch (answer.kind) {
    case "CALLBACK": {
      const { error } = answer;
      if (!error || isAboutScopes) break;
      return failed(ACCEPTED, `The provider refuses the authorization request: ${error.message}${quoted(error)}`, error.remedy);
    }
    case "GOES_ON":
      break;
    case "REFUSED": {
      const said = answer.details ? quoted(answer.details) : ` It answered ${answer.status} with a page of its own.`;
      const remedy =
        "Check that the client id exists at this provider, and that the app is enabled and allowed to use authorization codes.";
      return failed(ACCEPTED, `The provider refuses the authorization request.${said}`, answer.details?.remedy ?? remedy);
    }
    case "REDIRECT_URI_REFUSED":
      return skipped(ACCEPTED, "The provider refuses the redirect URI, and looks at nothing else.");
    case "UNANSWERED":
      return skipped(ACCEPTED, `The authorization endpoint could not be asked: ${inert(answer.details.message, 200)}`);
  }
  return passed(ACCEPTED, "The provider takes the authorization request, as far as that shows without a person.");
}
