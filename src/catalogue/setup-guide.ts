import type { ConnectorDefinition, OAuth2SchemeDefinition, SchemeDefinition } from "./types.ts";

/** How to obtain a client id and secret, and what has to be entered for webhooks. Empty where nothing is needed. */
export function setupGuideOf(connector: ConnectorDefinition): readonly string[] {
  const guide = connector.webhooks?.guide;
  return guide ? [...appSteps(connector), guide] : appSteps(connector);
}

/** The connector's own guide, or the steps that are the same everywhere. */
function appSteps(connector: ConnectorDefinition): readonly string[] {
  if (connector.setupGuide.length > 0) return connector.setupGuide;
  const scheme = connector.schemes.find(({ type }) => type === "OAUTH2" || type === "OAUTH1");
  return scheme ? generalSteps(connector, scheme) : [];
}

function generalSteps({ name, docsUrl }: ConnectorDefinition, scheme: SchemeDefinition): string[] {
  const where = docsUrl ? ` Its documentation begins at ${docsUrl}.` : "";
  const scopes = (scheme.scopes ?? []).filter((scope) => scope.default).map((scope) => scope.name);
  if (scheme.type === "OAUTH2" && (scheme.clientIdMetadataDocument || scheme.registrationUrl))
    return withoutRegistration(name, scheme);
  const isPublic = scheme.type === "OAUTH2" && scheme.tokenAuthMethod === "NONE";
  const [id, secret] = scheme.type === "OAUTH1" ? ["consumer key", "consumer secret"] : ["client id", "client secret"];
  return [
    `In ${name}'s settings for developers, register an OAuth application.${where}`,
    "Enter Moorline's redirect URI (the connector's redirectUri) as its redirect or callback URL, character for character.",
    ...(scopes.length > 0 ? [`Allow it the scopes that your auth config asks for, by default: ${scopes.join(", ")}.`] : []),
    isPublic ? `Copy its ${id} into an auth config here.` : `Copy its ${id} and ${secret} into an auth config here.`,
  ];
}

/** The same where nobody has to fill in a form at the provider. */
function withoutRegistration(name: string, { clientIdMetadataDocument, registrationUrl }: OAuth2SchemeDefinition): string[] {
  const own = clientIdMetadataDocument
    ? `${name} knows a client by a document that Moorline serves at its public https address`
    : `${name} lets clients register themselves, which Moorline does for you`;
  return [
    `Create an auth config here without a client id: ${own}.`,
    ...(clientIdMetadataDocument && !registrationUrl
      ? ["The operator's MOORLINE_PUBLIC_URL has to be an https address that the provider can reach."]
      : []),
  ];
}
