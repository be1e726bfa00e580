import type { ConnectorDefinition } from "../catalogue/types.ts";

/**
 * Every place that a connector's tokens and client secrets go to, as `<kind> <origin>`: the token side (token, refresh, revocation,
 * pushed and device authorization), and the API side (user info and API). A place of one kind is not one of the other.
 */
export function receivingOrigins(definition: Pick<ConnectorDefinition, "schemes" | "api">): ReadonlySet<string> {
  const tokenUrls = definition.schemes.flatMap((scheme) => [
    scheme.tokenUrl,
    scheme.refreshUrl,
    scheme.revocationUrl,
    scheme.revocation?.url,
    scheme.pushedAuthorizationUrl,
    scheme.deviceAuthorizationUrl,
    // Who holds these keys says whose account it is.
    scheme.jwksUri,
  ]);
  const apiUrls = [...definition.schemes.map((scheme) => scheme.userinfoUrl), definition.api?.baseUrl];
  return new Set([...origins("token", tokenUrls), ...origins("api", apiUrls)]);
}

function origins(kind: string, urls: (string | undefined)[]): string[] {
  return urls.flatMap((url) => {
    const parsed = url ? URL.parse(url) : null;
    return parsed ? [`${kind} ${parsed.origin}`] : [];
  });
}
