import { endpointsOf } from "../catalogue/scheme-urls.ts";
import { hostVariablesOf } from "../catalogue/templates.ts";
import { fieldParameters } from "./auth-config-view.ts";
import type { RequestWithParties } from "./connection-parties.ts";
import { schemeOf } from "./connector-view.ts";

/** Where the client shows itself while a connection is made. */
const ASKED = ["tokenUrl", "pushedAuthorizationUrl", "deviceAuthorizationUrl", "requestTokenUrl", "accessTokenUrl"] as const;

/**
 * Whether a refused client says anything of its auth config: not where the user, or the callback, has chosen the server. A mistyped
 * subdomain is somebody else's, who does not know the client; and nobody shall accuse a config by one.
 */
export function accusesConfig({ authConfig, connector }: Pick<RequestWithParties, "authConfig" | "connector">): boolean {
  const scheme = schemeOf(connector, authConfig.schemeKey);
  const endpoints = scheme ? endpointsOf(scheme) : {};
  const given = new Set([...Object.keys(fieldParameters(authConfig)), ...authConfig.presetFields]);
  const names = ASKED.flatMap((name) => hostVariablesOf(endpoints[name] ?? ""));
  return names.every((name) => given.has(name.replace(/^connection\./, "")));
}
