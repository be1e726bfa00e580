import type { DiscoveredEndpoints, OAuth2SchemeDefinition, ScopeDefinition } from "../../catalogue/types.ts";
import { Failure, type FailureDetails } from "../../lib/failure.ts";
import { type Check, failed, passed, skipped, warning } from "../check.ts";
import { endpoint } from "./client.ts";
import { quoted } from "./diagnose-client.ts";
import { discover } from "./discover.ts";
import { inert } from "./failures.ts";
import { type ResourceOptions, readProtectedResource } from "./protected-resource.ts";
import type { CallOptions, OAuth2Client } from "./types.ts";
import { uriDifference } from "./uri-difference.ts";

const NAME = "DISCOVERY_MATCHES";

export interface DiscoveryDiagnosis {
  check: Check;
  /** What the issuer publishes; null: nothing, or it could not be asked. */
  found: DiscoveredEndpoints | null;
}

/** Holds the configured endpoints against what their issuer publishes. Never throws for what the provider does. */
export async function compareDiscovery(client: OAuth2Client, options: CallOptions): Promise<DiscoveryDiagnosis> {
  if (!client.scheme.issuer) {
    return {
      check: skipped(NAME, "This connector names no issuer, so nothing is published to hold its endpoints against."),
      found: null,
    };
  }
  try {
    const found = await discover(endpoint(client, client.scheme.issuer), options);
    return { check: compare(client, found), found };
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return { check: unread(error.details), found: null };
  }
}

function unread(details: FailureDetails): Check {
  if (details.code === "ISSUER_MISMATCH") return failed(NAME, `${details.message}${quoted(details)}`, details.remedy);
  if (details.code === "MALFORMED_RESPONSE") {
    return warning(NAME, `${details.message} Its endpoints cannot be compared.`, details.remedy);
  }
  return warning(NAME, `The issuer's metadata could not be read: ${details.message}${quoted(details)}`, details.remedy);
}

const ENDPOINTS = [
  ["issuer", "issuer"],
  ["authorizationUrl", "authorization endpoint"],
  ["tokenUrl", "token endpoint"],
  ["revocationUrl", "revocation endpoint"],
  ["userinfoUrl", "user-info endpoint"],
  ["jwksUri", "key set"],
  ["deviceAuthorizationUrl", "device authorization endpoint"],
  ["pushedAuthorizationUrl", "pushed authorization endpoint"],
] as const satisfies [keyof OAuth2SchemeDefinition & keyof DiscoveredEndpoints, string][];

function compare(client: OAuth2Client, found: DiscoveredEndpoints): Check {
  const { scheme } = client;
  const differences = ENDPOINTS.flatMap(([key, label]) => {
    const template = scheme[key];
    const theirs = found[key];
    if (template === undefined || theirs === undefined) return [];
    const ours = endpoint(client, template);
    if (ours === theirs) return [];
    return [`the ${label} is ${ours} here and ${inert(theirs, 300)} there: they differ in ${uriDifference(ours, theirs)}`];
  });
  if (found.pushedAuthorizationRequired && !scheme.pushedAuthorizationUrl)
    differences.push("it wants pushed authorization requests (RFC 9126), for which no endpoint is configured");
  const methods = found.tokenAuthMethods;
  const ours = scheme.tokenAuthMethod.toLowerCase();
  if (methods && !methods.includes(ours))
    differences.push(`it does not offer ${ours} at its token endpoint, but ${inert(methods.join(", "), 200)}`);
  if (differences.length === 0)
    return passed(NAME, `What ${inert(found.issuer, 300)} publishes agrees with the configured endpoints.`);
  return warning(
    NAME,
    `The issuer publishes something else: ${differences.join("; ")}.`,
    "Take over what the issuer publishes, unless the provider told you otherwise.",
  );
}

/** Whether the resource (RFC 9728) still names the server that is configured. Null: there is none. Never throws for what it does. */
export async function resourceCheck({ scheme }: OAuth2Client, options: ResourceOptions): Promise<Check | null> {
  const name = "RESOURCE_NAMES_ISSUER";
  if (!scheme.resource) return null;
  if (!scheme.issuer) return skipped(name, "This connector names no issuer to compare with what the resource says.");
  try {
    const { authorizationServers } = await readProtectedResource(scheme.resource, options);
    if (authorizationServers.includes(scheme.issuer)) return passed(name, `${scheme.resource} names the configured issuer.`);
    return failed(
      name,
      `${scheme.resource} names another authorization server, ${inert(authorizationServers[0], 300)}: tokens of the configured one may be refused.`,
      "Update the connector from its resource, after asking whoever runs it.",
    );
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return warning(name, `${error.details.message}${quoted(error.details)}`, error.details.remedy);
  }
}

export interface ScopeInput {
  scopes: readonly string[];
  /** Those that somebody has looked up in the provider's documentation; a custom connector's are only those that it asks for. */
  documented: readonly ScopeDefinition[];
  found: DiscoveredEndpoints | null;
  refused: FailureDetails | null;
}

/** The scopes against those that are known, and against what the provider said to them. */
export function scopesCheck({ scopes, documented, found, refused }: ScopeInput): Check {
  const name = "SCOPES_KNOWN";
  if (refused) return failed(name, `${refused.message}${quoted(refused)}`, refused.remedy);
  if (scopes.length === 0) return passed(name, "No scopes are asked for.");
  const published = found?.scopesSupported ?? [];
  const known = new Set([...published, ...documented.map((scope) => scope.name)]);
  if (known.size === 0) {
    return skipped(name, "Neither the catalogue nor the provider's metadata lists the scopes that there are.");
  }
  const unknown = scopes.filter((scope) => !known.has(scope));
  if (unknown.length === 0) {
    const where = unlisted(scopes, published) ? "the catalogue" : "the provider's metadata";
    return passed(name, `All ${scopes.length} scopes are known to ${where}.`);
  }
  const hints = unknown.map((scope) => {
    const near = [...known].find((candidate) => normal(candidate) === normal(scope));
    return near ? `${scope} (there is ${inert(near, 200)})` : scope;
  });
  return warning(
    name,
    `Not known: ${hints.join(", ")}.`,
    "Check the spelling with the provider's documentation. Providers may have scopes that they do not list.",
  );
}

function unlisted(scopes: readonly string[], published: readonly string[]): boolean {
  return scopes.some((scope) => !published.includes(scope));
}

/** The same but for capitals and the sign between words. */
function normal(scope: string): string {
  return scope.toLowerCase().replace(/[^a-z0-9]+/g, "");
}
