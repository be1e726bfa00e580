import { endpointsOf, loginUrlsOf, revocationUrlOf } from "../catalogue/scheme-urls.ts";
import type { ConnectorDefinition } from "../catalogue/types.ts";

/**
 * Every place that a connector's tokens and client secrets go to, as `<kind> <origin>`: the token side (token, refresh, revocation,
 * pushed and device authorization), and the API side (user info and API). A place of one kind is not one of the other.
 */
export function receivingOrigins(definition: Pick<ConnectorDefinition, "schemes" | "api">): ReadonlySet<string> {
  // Who holds the keys of `jwksUri` says whose account it is; the page where people sign in receives nothing of ours.
  const tokenUrls = definition.schemes.flatMap((scheme) => {
    const { authorizationUrl: _page, userinfoUrl: _api, ...endpoints } = endpointsOf(scheme);
    return [...Object.values(endpoints), revocationUrlOf(scheme), ...loginUrlsOf(scheme)];
  });
  const apiUrls = [
    ...definition.schemes.map((scheme) => endpointsOf(scheme).userinfoUrl),
    definition.api?.baseUrl,
    definition.api?.verification?.baseUrl,
  ];
  return new Set([...origins("token", tokenUrls), ...origins("api", apiUrls)]);
}

function origins(kind: string, urls: (string | undefined)[]): string[] {
  return urls.flatMap((url) => {
    const parsed = url ? URL.parse(url) : null;
    return parsed ? [`${kind} ${parsed.origin}`] : [];
  });
}
