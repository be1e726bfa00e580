import type { SchemeDefinition, TwoStepSchemeDefinition } from "../../src/catalogue/types.ts";

/** Static entries whose calls are signed each by itself. */
export const SIGNED_CALLS = ["cisco-duo-admin", "streamline-ai"];

/** A login that a server made of the entry's data could not play alone: signed, dated, of several hosts, in XML. */
export function isPlayedByItself(scheme: SchemeDefinition): boolean {
  const { token, refreshToken, temporaryKeys, assertion, login } = scheme as TwoStepSchemeDefinition;
  const differs = /\{(?:random|now|call\.)/.test(JSON.stringify(scheme));
  const isOwnRefreshToken = refreshToken !== undefined && refreshToken[0] === token?.[0];
  const hasMore = login.some(({ keep, bodyFormat }) => keep !== undefined || bodyFormat === "XML");
  return differs || isOwnRefreshToken || hasMore || temporaryKeys !== undefined || assertion !== undefined;
}
