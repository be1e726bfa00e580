/** What of a configuration can be called, and what its URLs still lack. */
import { fieldsFor, isVisible } from "../../catalogue/fields.ts";
import { endpointsOf, hostRulesOf, revocationUrlOf } from "../../catalogue/scheme-urls.ts";
import { expandUrl, TemplateError } from "../../catalogue/templates.ts";
import type { SchemeDefinition } from "../../catalogue/types.ts";
import { type Check, failed, passed, skipped } from "../../schemes/check.ts";
import { hostOf, type Place, type Reached } from "../../schemes/reach.ts";
import type { Subject } from "./diagnose-subject.ts";

type Knock = Omit<Place, "url">;

/** A POST goes where tokens are made: an empty form is refused there, and does nothing. */
const KNOCKS: Record<string, Knock> = {
  authorizationUrl: knock("AUTHORIZATION_ENDPOINT_REACHABLE", "The authorization endpoint", "GET", { redirectFails: false }),
  tokenUrl: knock("TOKEN_ENDPOINT_REACHABLE", "The token endpoint", "POST"),
  refreshUrl: knock("REFRESH_ENDPOINT_REACHABLE", "The refresh endpoint", "POST"),
  // Nothing is posted there: somebody might register a client for it.
  registrationUrl: knock("REGISTRATION_ENDPOINT_REACHABLE", "The registration endpoint", "GET", { mustExist: false }),
  revocationUrl: knock("REVOCATION_ENDPOINT_REACHABLE", "The revocation endpoint", "POST"),
  userinfoUrl: knock("USERINFO_ENDPOINT_REACHABLE", "The user-info endpoint", "GET"),
  jwksUri: knock("KEY_SET_REACHABLE", "The key set", "GET"),
  deviceAuthorizationUrl: knock("DEVICE_AUTHORIZATION_ENDPOINT_REACHABLE", "The device authorization endpoint", "POST"),
  pushedAuthorizationUrl: knock("PUSHED_AUTHORIZATION_ENDPOINT_REACHABLE", "The pushed authorization endpoint", "POST"),
  requestTokenUrl: knock("REQUEST_TOKEN_ENDPOINT_REACHABLE", "The request token endpoint", "POST"),
  accessTokenUrl: knock("ACCESS_TOKEN_ENDPOINT_REACHABLE", "The access token endpoint", "POST"),
};

const API = knock("API_REACHABLE", "The API", "GET", { redirectFails: false, mustExist: false });
/** The provider's own way may be any method: only whether somebody answers is asked. */
const OWN_REVOCATION = knock("REVOCATION_ENDPOINT_REACHABLE", "The revocation endpoint", "HEAD", {
  redirectFails: false,
  mustExist: false,
});

function knock(name: string, label: string, method: Place["method"], more: Partial<Knock> = {}): Knock {
  return { name, label, method, redirectFails: true, mustExist: true, ...more };
}

/** Everything that can be called now, and what is to be said of the rest. */
export function placesOf(subject: Subject): { places: Place[]; checks: Check[] } {
  const { scheme, connector } = subject;
  const revocation = scheme.type === "OAUTH2" && scheme.revocation ? revocationUrlOf(scheme) : undefined;
  const templates: [Knock, string][] = [
    ...Object.entries(endpointsOf(scheme)).map(([key, url]): [Knock, string] => [KNOCKS[key] ?? otherKnock(key), url]),
    ...(revocation ? [[OWN_REVOCATION, revocation] as [Knock, string]] : []),
    ...(connector.api ? [[API, connector.api.baseUrl] as [Knock, string]] : []),
  ];
  const places: Place[] = [];
  const missing: Check[] = [];
  const wrong = missingValues(subject);
  for (const [how, template] of templates) {
    const filled = fillUrl(subject, template);
    if ("url" in filled) places.push({ ...how, url: filled.url });
    else if (filled.isLater) missing.push(skipped(how.name, `${how.label} is not known yet: ${filled.why}`));
    else wrong.add(filled.why);
  }
  return { places, checks: [valuesCheck(wrong), ...missing] };
}

function otherKnock(key: string): Knock {
  const words = key.replace(/Url$/, "").replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
  const name = `${words.replaceAll(" ", "_").toUpperCase()}_ENDPOINT_REACHABLE`;
  return knock(name, `The ${words} endpoint`, "HEAD", { redirectFails: false, mustExist: false });
}

/** `isLater`: each user, or the provider, supplies what is missing. */
export type Filled = { url: string } | { why: string; isLater: boolean };

export function fillUrl({ scheme, values, client }: Subject, template: string): Filled {
  try {
    return { url: expandUrl(template, { connection: values, clientId: client?.clientId }, hostRulesOf(scheme)) };
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    return error.variable.startsWith("connection.")
      ? unfilled(scheme, error)
      : { why: error.message, isLater: error.reason === "UNFILLED" };
  }
}

function unfilled(scheme: SchemeDefinition, { variable, reason, message }: TemplateError): Filled {
  const name = variable.slice("connection.".length);
  const typed = fieldsFor(scheme, "credential").find((field) => field.name === name);
  if (reason === "UNFILLED" && typed) return { why: `each user enters “${typed.label}”.`, isLater: true };
  if (reason === "UNFILLED" && (scheme.discovered ?? []).some((value) => value.name === name))
    return { why: "the provider tells the address when an account is connected.", isLater: true };
  const field = typed ?? fieldsFor(scheme, "authConfig").find((candidate) => candidate.name === name);
  if (!field) return { why: message, isLater: false };
  return {
    why: reason === "UNFILLED" ? `“${field.label}” is missing.` : `“${field.label}” is not a host that this connector accepts.`,
    isLater: false,
  };
}

/** Fields of the config itself that have become required since it was made, among others. */
function missingValues({ scheme, values }: Subject): Set<string> {
  const needed = fieldsFor(scheme, "authConfig").filter((field) => field.required && field.default === undefined);
  const absent = needed.filter((field) => (values[field.name] ?? "") === "" && isVisible(field, values));
  return new Set(absent.map((field) => `“${field.label}” is missing.`));
}

function valuesCheck(wrong: ReadonlySet<string>): Check {
  const name = "VALUES_COMPLETE";
  if (wrong.size === 0) return passed(name, "Every value that this configuration needs is there and has the right form.");
  return failed(name, [...wrong].join(" "), "Enter it in the auth config's parameters.");
}

/** RFC 7517 section 5: without it no ID token can be checked, however well the address answers. */
export function keySetCheck({ place, answer }: Reached): Check[] {
  if (place.name !== KNOCKS.jwksUri!.name || !answer) return [];
  const name = "KEY_SET_READABLE";
  if (answer.status === 200 && hasKeys(answer.text)) return [passed(name, `${hostOf(place.url)} publishes its keys.`)];
  return [
    failed(
      name,
      `What ${hostOf(place.url)} answers is no key set (RFC 7517): ID tokens could not be checked.`,
      "Compare the address of the keys (jwksUri) with what the provider's metadata says.",
    ),
  ];
}

function hasKeys(text: string): boolean {
  try {
    const { keys } = JSON.parse(text) as { keys?: unknown };
    return Array.isArray(keys) && keys.length > 0;
  } catch {
    return false;
  }
}
