import { textAt } from "../../catalogue/paths.ts";
import type { ConnectionValues, TemporaryKeysDefinition, TwoStepSchemeDefinition } from "../../catalogue/types.ts";
import type { Secret } from "../../lib/secret.ts";
import { applySigned } from "../aws-sigv4/index.ts";
import { applyToken } from "../oauth2/apply.ts";
import type { SchemeHandler } from "../types.ts";

/** The token goes onto a call as RFC 6750 says, unless the data say otherwise; temporary keys sign it. */
export const handler: SchemeHandler = {
  name: "Login for a token",
  redirects: false,
  holdsTokens: true,
  apply(input) {
    const { apply, temporaryKeys } = input.scheme as TwoStepSchemeDefinition;
    if (!temporaryKeys) return applyToken({ ...input, own: apply });
    return applySigned(input, input.accessToken ? keysOf(input.accessToken) : {}, temporaryKeys);
  },
};

/** The three of them as one token, a JSON object; null where the answer does not hold them all. */
export function tokenOfKeys(paths: TemporaryKeysDefinition, answer: unknown): string | null {
  const accessKeyId = textAt(answer, paths.accessKeyId);
  const secretAccessKey = textAt(answer, paths.secretAccessKey);
  const sessionToken = textAt(answer, paths.sessionToken);
  return accessKeyId && secretAccessKey && sessionToken ? JSON.stringify({ accessKeyId, secretAccessKey, sessionToken }) : null;
}

function keysOf(token: Secret): ConnectionValues {
  return JSON.parse(token.reveal()) as ConnectionValues;
}
