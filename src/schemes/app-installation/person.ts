import * as oidc from "openid-client";
import { Secret } from "../../lib/secret.ts";
import { configure, endpoint } from "../oauth2/client.ts";
import { createExchange } from "../oauth2/exchange.ts";
import { failure } from "../oauth2/failures.ts";
import type { CallOptions, TokenClient } from "../oauth2/types.ts";
import type { AppClient } from "./calls.ts";

/**
 * A token of the person who came back (RFC 6749 section 4.1.3), for the one question whether the installation is theirs: it is kept
 * nowhere. The authorization was begun by the provider itself, so that there is neither a verifier nor a redirect URI to name.
 * Throws a Failure.
 */
export async function personBehind({ client, ...options }: CallOptions & { client: AppClient }, code: string): Promise<Secret> {
  const { userSecret } = client.values;
  if (typeof userSecret !== "string" || userSecret === "") {
    throw failure("CONFIG_CHANGED", {
      message: "The client secret of the app is missing, without which nobody can tell who installed it.",
      remedy: "Preset the field userSecret on the auth config.",
    });
  }
  const { userTokenUrl: tokenUrl, errorCodes } = client.scheme;
  const scheme: TokenClient["scheme"] = {
    key: client.scheme.key,
    name: client.scheme.name,
    fields: client.scheme.fields,
    tokenUrl,
    tokenAuthMethod: "CLIENT_SECRET_POST",
    errorCodes,
    quirks: [{ name: "error-with-200" }],
  };
  const asking: TokenClient = { ...client, scheme, clientSecret: new Secret(userSecret) };
  const exchange = createExchange({ ...options, client: asking, url: endpoint(asking, tokenUrl), keepIdToken: false });
  try {
    const config = await configure(asking, exchange.fetch);
    const answer = await oidc.genericGrantRequest(config, "authorization_code", { code });
    return new Secret(answer.access_token);
  } catch (error) {
    throw exchange.explain(error);
  }
}
