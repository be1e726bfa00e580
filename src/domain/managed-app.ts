import type { Catalogue } from "../catalogue/index.ts";
import { managedAppAllowed, urlTemplatesOf } from "../catalogue/scheme-urls.ts";
import { hostVariablesOf } from "../catalogue/templates.ts";
import type { ConnectorDefinition } from "../catalogue/types.ts";
import { StartError } from "../lib/start-error.ts";
import { hasClient, needsSecret } from "./auth-config-rules.ts";
import type { ManagedApp } from "./services.ts";

/** As the operator configured it; `source` names the place, for a sentence about it. */
export interface ConfiguredApp extends ManagedApp {
  slug: string;
  source: string;
}

/** The operator's default apps by connector slug. Throws StartError where one can never be used, or must not be (design 5.14). */
export function managedAppsOf(catalogue: Catalogue, configured: readonly ConfiguredApp[]): Map<string, ManagedApp> {
  return new Map(
    configured.map((app) => {
      const connector = catalogue.get(app.slug);
      if (!connector) throw new StartError(`${app.source}: there is no built-in connector "${app.slug}".`);
      assertUsable(app, connector);
      return [app.slug, { clientId: app.clientId, clientSecret: app.clientSecret }];
    }),
  );
}

function assertUsable({ source, clientSecret }: ConfiguredApp, connector: ConnectorDefinition): void {
  const schemes = connector.schemes.filter(hasClient);
  if (schemes.length === 0)
    throw new StartError(`${source}: ${connector.name} has no OAuth client, so there is nothing to configure.`);
  if (!managedAppAllowed(connector)) {
    const chosen = urlTemplatesOf(connector).find((url) => hostVariablesOf(url).length > 0);
    throw new StartError(
      `${source}: ${connector.name} has a host that each project or user chooses (${chosen}), where your secret must not go. Every project needs an app of its own.`,
    );
  }
  if (clientSecret === null && schemes.every(needsSecret))
    throw new StartError(`${source}: ${connector.name} wants a client secret beside the client id.`);
}
