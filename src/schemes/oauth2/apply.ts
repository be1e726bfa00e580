import { expand, type TemplateScope } from "../../catalogue/templates.ts";
import type { ApiDefinition, ConnectionValues, OAuth2SchemeDefinition } from "../../catalogue/types.ts";
import type { Secret } from "../../lib/secret.ts";
import { asFailure } from "./client.ts";
import type { AppliedToken } from "./types.ts";

export interface ApplyInput {
  scheme: OAuth2SchemeDefinition;
  api: ApiDefinition | undefined;
  accessToken: Secret;
  values: ConnectionValues;
  clientId: string;
}

/** What a call to the connector's API carries, header names in lower case (RFC 6750 section 2.1 unless the data says otherwise). */
export function apply(input: ApplyInput): AppliedToken {
  const scope: TemplateScope = { connection: input.values, clientId: input.clientId, token: input.accessToken.reveal() };
  const own = input.scheme.apply ?? { headers: { authorization: "Bearer {token}" } };
  const fill = (templates: Readonly<Record<string, string>> | undefined): [string, string][] =>
    asFailure(() => Object.entries(templates ?? {}).map(([name, template]) => [name, expand(template, scope)]));
  const headers = [...fill(input.api?.headers), ...fill(own.headers)].map(([name, value]) => [name.toLowerCase(), value]);
  return { headers: Object.fromEntries(headers), query: Object.fromEntries(fill(own.query)) };
}
