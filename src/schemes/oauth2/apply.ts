import { randomBytes } from "node:crypto";
import { expand, expandJson, type TemplateScope, variablesOf } from "../../catalogue/templates.ts";
import type { ApiDefinition, ApplyDefinition, ConnectionValues } from "../../catalogue/types.ts";
import type { Secret } from "../../lib/secret.ts";
import { callVariables, type SignableCall } from "../signable-call.ts";
import { xmlAround } from "../xml.ts";
import { asFailure } from "./client.ts";
import type { AppliedToken } from "./types.ts";

export interface ApplyTokenInput {
  /** How this provider wants the token; default: RFC 6750 section 2.1. */
  own: ApplyDefinition | undefined;
  api: ApiDefinition | undefined;
  accessToken: Secret | null;
  values: ConnectionValues;
  clientId: string | null;
  /** The call that is about to be made; absent: what depends on one is left out. */
  request?: SignableCall;
}

/** What a call to the connector's API carries, header names in lower case (RFC 6750 section 2.1 unless the data says otherwise). */
export function applyToken(input: ApplyTokenInput): AppliedToken {
  const scope: TemplateScope = {
    connection: input.values,
    clientId: input.clientId ?? undefined,
    token: input.accessToken?.reveal(),
    random: randomBytes(16).toString("hex"),
    now: new Date(),
    call: input.request && callVariables(input.request),
  };
  const own = input.own ?? { headers: { authorization: "Bearer {token}" } };
  const fill = (templates: Readonly<Record<string, string>> | undefined): [string, string][] =>
    asFailure(() =>
      Object.entries(templates ?? {}).flatMap(([name, template]) => {
        if (!scope.call && isAboutCall(template)) return [];
        const value = expand(template, scope);
        // `{connection.context|}`: only some have something to say there.
        return value === "" ? [] : [[name, value]];
      }),
    );
  const headers = [...fill(input.api?.headers), ...fill(own.headers)].map(([name, value]) => [name.toLowerCase(), value]);
  const applied = { headers: Object.fromEntries(headers), query: Object.fromEntries(fill(own.query)) };
  const whole = <Value>(value: Value) => asFailure(() => expandJson(value, scope)) as Value;
  return {
    ...applied,
    ...(own.body && { body: whole(own.body) }),
    ...(own.envelope && { envelope: xmlAround(whole(own.envelope.document), own.envelope.around) }),
  };
}

/** A signature, which nobody can tell before the call is known. */
function isAboutCall(template: string): boolean {
  return variablesOf(template).some((name) => name.startsWith("call."));
}
