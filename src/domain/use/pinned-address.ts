import { hostRulesOf } from "../../catalogue/scheme-urls.ts";
import { expandUrl, TemplateError } from "../../catalogue/templates.ts";
import { ConflictError, CredentialNotUsableError } from "../../lib/errors.ts";
import { moorline } from "../audit.ts";
import { CONFIG_CHANGED, invalidateCredentials } from "../credential-health.ts";
import type { Services } from "../services.ts";
import { type ApiAddress, apiAddress } from "./api-address.ts";
import type { Usable } from "./use-credential.ts";

/**
 * Where a call with this credential goes. A grant's token goes to the origin that it was made for: where connector, config or a refresh
 * have come to name another one since, nothing is sent and the credential is INVALID (CONFIG_CHANGED). Throws CredentialNotUsableError.
 */
export async function pinnedAddress(
  services: Services,
  usable: Usable,
  { path, query }: { path: string; query: string },
): Promise<ApiAddress> {
  const { scheme, api } = usable;
  const isOneResource = scheme.type === "OAUTH2" && scheme.resource !== undefined && scheme.resource === api?.baseUrl;
  const address = apiAddress(baseUrlOf(usable), path, query, isOneResource);
  if (usable.apiOrigin === undefined || usable.apiOrigin === address.origin) return address;
  const { projectId, id } = usable.credential;
  await services.database.transact(async (tx) => {
    await invalidateCredentials(tx, moorline(projectId), { id }, CONFIG_CHANGED);
  });
  throw new CredentialNotUsableError(`This credential is INVALID. ${CONFIG_CHANGED}`, usable.credential);
}

function baseUrlOf({ api, connector, scheme, values, clientId }: Usable): string {
  if (scheme.type === "NATIVE") {
    const message = `${connector.name} is not an HTTP API. Use revealCredential, and connect with its own protocol.`;
    throw new ConflictError("CONFLICT", message);
  }
  if (!api) throw new ConflictError("CONFLICT", `${connector.name} has no API to call: its base URL is not known.`);
  try {
    return expandUrl(api.baseUrl, { connection: values, clientId: clientId ?? undefined }, hostRulesOf(scheme));
  } catch (error) {
    if (!(error instanceof TemplateError)) throw error;
    throw new ConflictError("CONFLICT", `The address of this API can't be told: ${error.message}`);
  }
}
