import {
  type CustomConnectorInput,
  customConnector,
  givenDefinition,
  issuerToDiscover,
  type OAuth2SchemeInput,
  resourceToDiscover,
} from "../catalogue/custom.ts";
import type { ConnectorDefinition, DiscoveredEndpoints } from "../catalogue/types.ts";
import { InvalidInputError } from "../lib/errors.ts";
import { oauth2 } from "../schemes/index.ts";
import type { CallOptions } from "../schemes/oauth2/types.ts";
import { asProviderError } from "./provider-error.ts";
import type { Context } from "./services.ts";

/** Throws InvalidInputError where a built-in connector has it. */
export function assertOwnSlug({ services }: Context, slug: string): void {
  if (!services.catalogue.get(slug)) return;
  throw InvalidInputError.at(
    ["slug"],
    "NOT_ALLOWED",
    `“${slug}” is a built-in connector. Use it as it is, or choose another slug.`,
  );
}

/** Paths are appended to it: one behind a query would be a part of the query. Throws InvalidInputError. */
export function assertBaseUrl(baseUrl: string | null | undefined): void {
  if (!baseUrl || !URL.parse(baseUrl)?.search) return;
  const message = "A base URL has no query (?…). A key that goes into each call's query is an API key scheme's.";
  throw InvalidInputError.at(["baseUrl"], "PATTERN", message);
}

/**
 * A project's own connector out of its input. A `resource` is asked for its issuer, and an issuer for its endpoints, before anything is
 * stored. Throws InvalidInputError that lists every fault, or ProviderError.
 */
export async function defineConnector(ctx: Context, input: CustomConnectorInput): Promise<ConnectorDefinition> {
  return { ...(await definitionOf(ctx, input)), given: givenDefinition(input) };
}

async function definitionOf(ctx: Context, input: CustomConnectorInput): Promise<ConnectorDefinition> {
  const options = { allowHttp: ctx.services.allowHttp };
  const given = input.scheme.oauth2;
  const asked = given ? (resourceToDiscover(given) ?? issuerToDiscover(given)) : null;
  if (!given || asked === null) return customConnector(input, options);
  // Everything that can be told without the network is told first: with stand-ins for what discovery would fill in.
  const standIns = { authorizationUrl: given.authorizationUrl ?? asked, tokenUrl: given.tokenUrl ?? asked };
  customConnector({ ...input, scheme: { oauth2: { ...given, ...standIns } } }, options);
  try {
    const found = await discover(ctx, given);
    return customConnector({ ...input, scheme: { oauth2: found.input } }, { ...options, discovered: found.endpoints });
  } catch (error) {
    throw asProviderError(error);
  }
}

async function discover(
  { services }: Context,
  given: OAuth2SchemeInput,
): Promise<{ input: OAuth2SchemeInput; endpoints: DiscoveredEndpoints }> {
  const { fetch } = services.egress;
  const resource = resourceToDiscover(given);
  if (resource === null) return { input: given, endpoints: await oauth2.discover(given.issuer!, { fetch }) };
  const found = await oauth2.readProtectedResource(resource, { fetch, allowHttp: services.allowHttp });
  // What the resource names is a stranger's word: it is held to the same rules as an issuer that was typed.
  const servers = found.authorizationServers.slice(0, MAX_SERVERS);
  for (const server of servers) assertIssuer(server, services.allowHttp);
  const { issuer, endpoints } = await firstOf(servers, fetch);
  return { input: { ...given, issuer, ...(!given.scope && !given.scopes && { scopes: found.scopes }) }, endpoints };
}

/** A resource may trust several servers, and which one is asked is the client's choice (RFC 9728 section 7.6). */
const MAX_SERVERS = 3;

/** The first that tells its endpoints. Throws what the first of all says where none does. */
async function firstOf(issuers: readonly string[], fetch: CallOptions["fetch"]) {
  let failure: unknown = null;
  for (const issuer of issuers) {
    try {
      return { issuer, endpoints: await oauth2.discover(issuer, { fetch }) };
    } catch (error) {
      failure ??= error;
    }
  }
  throw failure;
}

function assertIssuer(issuer: string, allowHttp: (url: URL) => boolean): void {
  const url = URL.parse(issuer);
  if (url && !url.username && !url.password && (url.protocol === "https:" || (url.protocol === "http:" && allowHttp(url))))
    return;
  throw oauth2.failure("MALFORMED_RESPONSE", {
    message: "The resource's metadata name an authorization server whose address is not https.",
    remedy: "Tell whoever runs it, or enter the issuer by hand.",
  });
}
