/** Mutual TLS (RFC 8705): the certificate of a client, where the connector's data say that it presents one. */
import { createSecureContext } from "node:tls";
import type { ConnectionValues, SchemeDefinition } from "../catalogue/types.ts";
import { EgressError } from "../egress/errors.ts";
import { expandAll } from "./oauth2/client.ts";
import { failure, networkFailure, OAuthFailure } from "./oauth2/failures.ts";
import type { ClientTls, TokenScheme } from "./oauth2/types.ts";

interface Presenting {
  scheme: SchemeDefinition | TokenScheme;
  values: ConnectionValues;
  clientId?: string | null;
}

/** What a connection to the token endpoint or the API is made with; undefined: nothing of its own. Throws a Failure where it is unusable. */
export function clientTls({ scheme, values, clientId }: Presenting): ClientTls | undefined {
  const own = "clientCertificate" in scheme ? scheme.clientCertificate : undefined;
  if (!own) return undefined;
  const { certificate, privateKey } = own;
  const { cert = "", key = "" } = expandAll({ scheme, values, clientId: clientId ?? "" }, { cert: certificate, key: privateKey });
  try {
    // Both have to be there, and the one has to belong to the other.
    if (cert === "" || key === "") throw new Error("one of them is missing");
    createSecureContext({ cert, key });
  } catch {
    // The parser's own message may quote the key.
    throw failure("INVALID_CREDENTIALS", {
      message: "The client certificate or its private key cannot be read, or they do not belong together.",
      remedy:
        "Enter both as PEM: the certificate, with those between it and its root behind it, and its private key without a passphrase.",
    });
  }
  return { cert, key };
}

/** Alerts of a server about the certificate that it was shown, or was not (RFC 8446 section 6.2). */
const REFUSED = /ALERT_(?:NO_CERTIFICATE|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|CERTIFICATE_|UNKNOWN_CA|ACCESS_DENIED)/;

/** What an error of a call says that presented a certificate. */
export function presentingFailure(error: unknown): OAuthFailure {
  for (let current = error, depth = 0; depth < 4 && typeof current === "object" && current !== null; depth++) {
    if ("code" in current && REFUSED.test(String(current.code))) return refused();
    current = "cause" in current ? current.cause : null;
  }
  const known = networkFailure(error);
  if (!(error instanceof EgressError) || error.code !== "CONNECTION_LOST") return known;
  // Some servers hang up without a word, at a moment when all is well for us.
  const remedy = `${known.details.remedy} If it stays, the provider may not accept the client certificate: compare it with the one that it knows.`;
  return new OAuthFailure({ ...known.details, remedy }, known.responseLost);
}

function refused(): OAuthFailure {
  return failure("INVALID_CREDENTIALS", {
    message: "The provider does not accept the client certificate.",
    remedy: "Enter the certificate that the provider has issued or knows for this client, one that has not run out.",
  });
}
