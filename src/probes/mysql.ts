import net from "node:net";
import mysql, { type SslOptions } from "mysql2/promise";
import type { ConnectionValues } from "../catalogue/types.ts";
import { certificatesOf, numberOf, textOf } from "./fields.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** MySQL's client/server protocol, which MariaDB and others speak too. */
export const family: ProbeFamily = {
  async probe({ values, timeoutMs }) {
    const connection = await mysql.createConnection({
      host: textOf(values, "host"),
      port: numberOf(values, "port") ?? 3306,
      user: textOf(values, "username"),
      password: textOf(values, "password") ?? "",
      database: textOf(values, "database"),
      ssl: sslOf(values),
      connectTimeout: timeoutMs,
    });
    // A connection that breaks later has been told of already.
    connection.on("error", () => {});
    try {
      await connection.query("SELECT 1");
    } finally {
      connection.destroy();
    }
  },

  meaningOf(error) {
    const { errno, code } = error as { errno?: unknown; code?: unknown };
    if (code === "HANDSHAKE_NO_SSL_SUPPORT") return NO_TLS;
    if (code === "HANDSHAKE_SSL_ERROR") return "TLS_ERROR";
    if (typeof errno !== "number" || errno < 1000) return undefined;
    // The numbers are those of MySQL's error message reference, section "Server Error Messages".
    return MEANINGS[errno] ?? new ProbeError("PROVIDER_ERROR", { message: `The server answered with the error ${errno}.` });
  },
};

const NO_TLS = new ProbeError("TLS_ERROR", {
  message: "The server does not offer TLS.",
  remedy: "Have it switched on at the server, or choose the SSL mode “disabled”.",
});

const TLS_WANTED = new ProbeError("TLS_ERROR", {
  message: "The server lets nobody in without TLS.",
  remedy: "Choose the SSL mode “required”, or one that also checks the certificate.",
});

const NAME_WANTED = new ProbeError("TLS_ERROR", {
  message: "The certificate's name cannot be compared with an IP address.",
  remedy: "Enter the host by its name, or choose the SSL mode “verify-ca”.",
});

const NO_DATABASE = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "There is no such database on the server.",
  remedy: "Check the database's name.",
});

const NOT_FROM_HERE = new ProbeError("PERMISSION_DENIED", {
  message: "The server lets nobody in from Moorline's address.",
  remedy: "Have whoever runs the server let this address in.",
});

const MEANINGS: Readonly<Record<number, ProbeError>> = {
  1044: new ProbeError("PERMISSION_DENIED", {
    message: "This user may not use this database, or there is none of that name.",
    remedy: "Check the database's name, or have whoever runs the server grant this user access.",
  }),
  1045: new ProbeError("INVALID_CREDENTIALS"),
  1049: NO_DATABASE,
  1129: NOT_FROM_HERE,
  1130: NOT_FROM_HERE,
  1698: new ProbeError("INVALID_CREDENTIALS"),
  1820: new ProbeError("INVALID_CREDENTIALS", { message: "The password has run out: the server wants another one set." }),
  1862: new ProbeError("INVALID_CREDENTIALS", { message: "The password has run out." }),
  3118: new ProbeError("INVALID_CREDENTIALS", { message: "The account is locked." }),
  3159: TLS_WANTED,
  4151: new ProbeError("INVALID_CREDENTIALS", { message: "The account is locked." }),
};

/** MySQL's modes but `preferred`, which takes what it gets. `required` encrypts and verifies nothing; with a CA certificate it is `verify-ca`. */
function sslOf(values: ConnectionValues): SslOptions | undefined {
  const mode = textOf(values, "sslMode") ?? "disabled";
  if (mode === "disabled") return undefined;
  // The driver would compare the certificate with the name `localhost` where the host is an address.
  if (mode === "verify-identity" && net.isIP(textOf(values, "host") ?? "")) throw NAME_WANTED;
  const material = certificatesOf(values);
  return {
    ...material,
    minVersion: "TLSv1.2",
    rejectUnauthorized: mode !== "required" || material.ca !== undefined,
    verifyIdentity: mode === "verify-identity",
  };
}
