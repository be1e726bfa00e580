import type { ConnectionOptions } from "node:tls";
import pg from "pg";
import type { ConnectionValues } from "../catalogue/types.ts";
import { certificatesOf, numberOf, textOf } from "./fields.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** PostgreSQL's protocol, version 3, and everything that speaks it. */
export const family: ProbeFamily = {
  async probe({ values, timeoutMs }) {
    const client = new pg.Client({
      host: textOf(values, "host"),
      port: numberOf(values, "port") ?? 5432,
      database: textOf(values, "database") ?? "postgres",
      user: textOf(values, "username"),
      // An empty text and not undefined: the driver would look for a password in the gateway's own environment and files.
      password: textOf(values, "password") ?? "",
      ssl: sslOf(values),
      application_name: "moorline-test",
      connectionTimeoutMillis: timeoutMs,
      statement_timeout: timeoutMs,
    });
    client.on("error", () => {});
    try {
      await client.connect();
      await client.query("SELECT 1");
    } finally {
      // Politely, but not for long: the runner takes the socket.
      client.end().catch(() => {});
    }
  },

  meaningOf(error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    if (message === "The server does not support SSL connections") return NO_TLS;
    if (typeof code !== "string" || !/^[0-9A-Z]{5}$/.test(code)) return undefined;
    // PostgreSQL's appendix A, "Error Codes".
    if (code === "28000") return NOT_LET_IN;
    if (code.startsWith("28")) return "INVALID_CREDENTIALS";
    if (code === "3D000" || code === "3F000") return NO_DATABASE;
    if (code === "42501") return "PERMISSION_DENIED";
    if (/^(53|57|08)/.test(code)) return new ProbeError("PROVIDER_ERROR", { message: `The server cannot serve now (${code}).` });
    return new ProbeError("PROVIDER_ERROR", { message: `The server answered with the error ${code}.` });
  },
};

const NO_TLS = new ProbeError("TLS_ERROR", {
  message: "The server does not offer TLS.",
  remedy: "Have it switched on at the server, or choose the SSL mode “disable”.",
});

const NO_DATABASE = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "There is no such database on the server.",
  remedy: "Check the database's name.",
});

/** 28000: this user, database, address and kind of connection are not let in at all (pg_hba.conf), or there is no such role. */
const NOT_LET_IN = new ProbeError("INVALID_CREDENTIALS", {
  message: "The server does not let this user in from here, or not with this SSL mode.",
  remedy: "Check user name and SSL mode, and whether the server lets Moorline's address in.",
});

/** libpq's four modes. `require` encrypts and verifies nothing, by its definition; with a CA certificate it is `verify-ca`, there as here. */
export function sslOf(values: ConnectionValues): ConnectionOptions | false {
  const mode = textOf(values, "sslMode") ?? "disable";
  if (mode === "disable") return false;
  const material: ConnectionOptions = { ...certificatesOf(values), minVersion: "TLSv1.2" };
  const isTrusted = mode !== "require" || material.ca !== undefined;
  const isNamed = mode === "verify-full";
  return { ...material, rejectUnauthorized: isTrusted, ...(!isNamed && { checkServerIdentity: () => undefined }) };
}
