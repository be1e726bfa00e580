import { isProbed } from "../probes/index.ts";
import { runProbe } from "../probes/run.ts";
import { isTestable as hasVerification, type TestOutcome, type VerifyInput, verifyAccount } from "../schemes/index.ts";
import type { ProviderIdentity } from "../schemes/oauth2/types.ts";
import type { Services } from "./services.ts";

/** True where a test really asks the third party: a native scheme by its protocol, every other by the connector's harmless call. */
export function isTestable({ scheme, api }: Pick<VerifyInput, "scheme" | "api">): boolean {
  return scheme.type === "NATIVE" ? isProbed(scheme) : hasVerification(api);
}

/** One harmless question. Never throws: whatever happens is an outcome. */
export async function askThirdParty(
  { egress, probeTimeoutMs }: Pick<Services, "egress" | "probeTimeoutMs">,
  input: Omit<VerifyInput, "fetch">,
): Promise<{ outcome: TestOutcome; account: ProviderIdentity | null }> {
  const { scheme, values } = input;
  if (scheme.type !== "NATIVE") return verifyAccount({ ...input, fetch: egress.fetch });
  return { outcome: await runProbe({ egress, scheme, values, timeoutMs: probeTimeoutMs }), account: null };
}
