import { translate } from "../egress/errors.ts";
import { EgressError, type EgressErrorCode, type SocketScope } from "../egress/index.ts";
import type { TestCode } from "../lib/errors.ts";
import { HUNG_UP, OTHER_KIND } from "./meanings.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** How deep drivers wrap what really happened. */
const MAX_DEPTH = 5;

const CODES: Partial<Record<EgressErrorCode, TestCode>> = {
  BLOCKED_ADDRESS: "BLOCKED_ADDRESS",
  HOST_NOT_FOUND: "HOST_NOT_FOUND",
  CONNECTION_REFUSED: "CONNECTION_REFUSED",
  TLS_ERROR: "TLS_ERROR",
  TIMEOUT: "TIMEOUT",
};

/** What a probe's failure means: what the scope refused whatever the driver made of it, then what the family knows, then the network. */
export function meaningOf(error: unknown, family: ProbeFamily, scope: SocketScope): ProbeError {
  if (scope.refusal) return networkMeaning(scope.refusal) ?? OTHER_KIND;
  if (error instanceof ProbeError) return error;
  const chain = causesOf(error);
  for (const one of chain) {
    const known = certificateError(one) ?? family.meaningOf?.(one);
    if (known instanceof ProbeError) return known;
    if (known) return new ProbeError(known);
  }
  for (const one of [...chain, scope.failure]) {
    const known = one ? networkMeaning(one) : null;
    if (known) return known;
  }
  return scope.failure ? HUNG_UP : new ProbeError("PROVIDER_ERROR");
}

/** The host is named: it may be one that a cluster handed out. The rest of the sentence is the remedy. */
function refusedAddress({ message }: EgressError): ProbeError {
  return new ProbeError("BLOCKED_ADDRESS", { message: message.replace(/ Use a public host name.*$/, "") });
}

function networkMeaning(error: unknown): ProbeError | null {
  // Node says nothing more exact of a server that hangs up on a ClientHello.
  if (/before secure TLS connection was established/.test(String((error as Error).message))) return new ProbeError("TLS_ERROR");
  const { code, message } = translate(error, "the server", false);
  const known = CODES[code];
  if (!known) return error instanceof EgressError ? brokenAnswer(error) : null;
  if (error instanceof EgressError && known === "BLOCKED_ADDRESS") return refusedAddress(error);
  return new ProbeError(known, error instanceof EgressError ? { message } : {});
}

/** Too much of it, lost on the way, or no HTTP at all, of which the client's parser tells. */
function brokenAnswer({ code, cause }: EgressError): ProbeError {
  const isNoHttp = (cause as Error | undefined)?.name === "HTTPParserError";
  return code === "CONNECTION_LOST" && !isNoHttp ? HUNG_UP : OTHER_KIND;
}

/** By OpenSSL's code, or by its words where a driver has put a code of its own in its place. */
const UNTRUSTED = /SELF_SIGNED|UNABLE_TO_(GET_ISSUER|VERIFY_LEAF)|self-signed certificate|unable to (get|verify)/;
const OTHER_NAME = /ALTNAME_INVALID|does not match certificate's altnames/;
const RUN_OUT = /CERT_HAS_EXPIRED|certificate has expired/;
const TOO_SOON = /CERT_NOT_YET_VALID|certificate is not yet valid/;

/** Each way in which a certificate is wrong has a remedy of its own. */
function certificateError(error: unknown): ProbeError | null {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const said = `${code} ${message}`;
  if (UNTRUSTED.test(said))
    return new ProbeError("TLS_ERROR", {
      message: "The server's certificate is not signed by an authority that is trusted here.",
      remedy: "Enter the certificate of the authority that signed it (CA certificate).",
    });
  if (OTHER_NAME.test(said))
    return new ProbeError("TLS_ERROR", {
      message: "The server's certificate is for another host name.",
      remedy: "Enter the host by the name that the certificate has.",
    });
  if (RUN_OUT.test(said))
    return new ProbeError("TLS_ERROR", {
      message: "The server's certificate has run out.",
      remedy: "Have whoever runs the server renew it.",
    });
  if (TOO_SOON.test(said))
    return new ProbeError("TLS_ERROR", {
      message: "The server's certificate is not valid yet.",
      remedy: "Check the clock of the server, and of the machine that Moorline runs on.",
    });
  return null;
}

/** The error and what it wraps, outermost first: `cause`, an AggregateError's `errors`, and the drivers' own ways of saying so. */
export function causesOf(error: unknown, depth = 0): unknown[] {
  if (typeof error !== "object" || error === null || depth > MAX_DEPTH) return [error];
  const { cause, errors, innerErrors, originalError, reason } = error as Record<string, unknown>;
  const wrapped = [cause, originalError, ...valuesOf(errors), ...valuesOf(innerErrors), ...serversOf(reason)];
  return [error, ...wrapped.filter(Boolean).flatMap((one) => causesOf(one, depth + 1))];
}

function valuesOf(container: unknown): unknown[] {
  return typeof container === "object" && container !== null ? Object.values(container) : [];
}

/** A MongoDB driver tells of each server what it met there. */
function serversOf(reason: unknown): unknown[] {
  const servers = (reason as { servers?: unknown } | null)?.servers;
  return servers instanceof Map ? [...servers.values()].map((server: { error?: unknown }) => server.error) : [];
}
