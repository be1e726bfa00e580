import type { ConnectorDefinition, SchemeDefinition } from "./types.ts";

/** How to obtain a client id and secret: the connector's own guide, or the steps that are the same everywhere. Empty where none are needed. */
export function setupGuideOf(connector: ConnectorDefinition): readonly string[] {
  if (connector.setupGuide.length > 0) return connector.setupGuide;
  const scheme = connector.schemes.find(({ type }) => type === "OAUTH2" || type === "OAUTH1");
  return scheme ? generalSteps(connector, scheme) : [];
}

function generalSteps({ name, docsUrl }: ConnectorDefinition, scheme: SchemeDefinition): string[] {
  const where = docsUrl ? ` Its documentation begins at ${docsUrl}.` : "";
  const scopes = (scheme.scopes ?? []).filter((scope) => scope.default).map((scope) => scope.name);
  const isPublic = scheme.type === "OAUTH2" && scheme.tokenAuthMethod === "NONE";
  const [id, secret] = scheme.type === "OAUTH1" ? ["consumer key", "consumer secret"] : ["client id", "client secret"];
  return [
    `In ${name}'s settings for developers, register an OAuth application.${where}`,
    "Enter Moorline's redirect URI (the connector's redirectUri) as its redirect or callback URL, character for character.",
    ...(scopes.length > 0 ? [`Allow it the scopes that your auth config asks for, by default: ${scopes.join(", ")}.`] : []),
    isPublic ? `Copy its ${id} into an auth config here.` : `Copy its ${id} and ${secret} into an auth config here.`,
  ];
}
