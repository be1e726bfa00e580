import { Client, ResultCodeError } from "ldapts";
import type { ConnectionValues } from "../catalogue/types.ts";
import { textOf } from "./fields.ts";
import { tlsWith } from "./sockets.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** LDAP (RFC 4511), Active Directory among it: a simple bind, and whether the base entry is there. Referrals are not followed. */
export const family: ProbeFamily = {
  async probe({ values, timeoutMs }) {
    const url = URL.parse(textOf(values, "url") ?? "");
    if (!url || !/^ldaps?:$/.test(url.protocol)) throw NO_URL;
    const tlsOptions = tlsWith(url.hostname.replace(/^\[|\]$/g, ""), values);
    const client = new Client({
      url: `${url.protocol}//${url.host}`,
      timeout: timeoutMs,
      connectTimeout: timeoutMs,
      // With options of TLS the driver speaks it from the start, whatever the URL says.
      ...(url.protocol === "ldaps:" && { tlsOptions }),
      strictDN: false,
    });
    try {
      if (values["startTls"] === true && url.protocol === "ldap:") await client.startTLS(tlsOptions);
      await client.bind(bindNameOf(values), textOf(values, "bindPassword") ?? "");
      await client.search(textOf(values, "baseDn") ?? "", { scope: "base", attributes: ["1.1"], sizeLimit: 1 });
    } finally {
      // Politely, but not for long: the runner takes the socket.
      client.unbind().catch(() => {});
    }
  },

  meaningOf(error) {
    if (!(error instanceof ResultCodeError)) return undefined;
    return (
      MEANINGS[error.code] ??
      new ProbeError("PROVIDER_ERROR", { message: `The server answered with the result code ${error.code}.` })
    );
  },
};

function bindNameOf(values: ConnectionValues): string {
  return textOf(values, "bindDn") ?? textOf(values, "bindUserPrincipalName") ?? "";
}

const NO_URL = new ProbeError("HOST_NOT_FOUND", {
  message: "The address is not a complete URL.",
  remedy: "Enter it with ldaps:// or ldap:// in front.",
});

const TLS_WANTED = new ProbeError("TLS_ERROR", {
  message: "The server lets nobody in without TLS.",
  remedy: "Use ldaps:// (usually port 636), or StartTLS.",
});

const NO_START_TLS = new ProbeError("TLS_ERROR", {
  message: "The server does not offer StartTLS.",
  remedy: "Use ldaps:// (usually port 636), or have StartTLS switched on at the server.",
});

const NO_BASE = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "The base entry does not exist on the server, or this user may not see it.",
  remedy: "Check the base DN.",
});

const NO_DN = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "A name that was entered is not written as a distinguished name.",
  remedy: "Write it like cn=reader,dc=example,dc=com.",
});

const BUSY = new ProbeError("PROVIDER_ERROR", { message: "The server cannot serve now.", remedy: "Try again later." });

/** RFC 4511, appendix A "LDAP Result Codes". 48: a bind that this entry has no password for. */
const MEANINGS: Readonly<Record<number, "INVALID_CREDENTIALS" | "PERMISSION_DENIED" | ProbeError>> = {
  2: NO_START_TLS,
  8: TLS_WANTED,
  13: TLS_WANTED,
  32: NO_BASE,
  34: NO_DN,
  48: "INVALID_CREDENTIALS",
  49: "INVALID_CREDENTIALS",
  50: "PERMISSION_DENIED",
  51: BUSY,
  52: BUSY,
};
