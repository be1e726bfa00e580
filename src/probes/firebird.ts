import firebird from "node-firebird";
import { numberOf, textOf } from "./fields.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** Firebird's wire protocol, which encrypts by itself: the login is SRP, so that no password travels, and its session key encrypts what follows. */
export const family: ProbeFamily = {
  async probe({ values }) {
    const options = {
      host: textOf(values, "host"),
      port: numberOf(values, "port") ?? 3050,
      database: textOf(values, "database") ?? "",
      // A password left empty would become the driver's default one, "masterkey".
      user: textOf(values, "username") ?? "SYSDBA",
      password: textOf(values, "password") ?? " ",
      wireCrypt: firebird.WIRE_CRYPT_ENABLE,
      // As one of a pool's: only such a connection is not opened again by the driver, later, when it is lost.
      isPool: true,
    };
    const database = await firebird.attachAsync(options);
    try {
      await database.queryAsync("SELECT 1 FROM RDB$DATABASE");
    } finally {
      // Politely, but not for long: the runner takes the socket.
      database.detachAsync().catch(() => {});
    }
  },

  meaningOf(error) {
    const { gdscode } = (error ?? {}) as { gdscode?: unknown };
    if (typeof gdscode !== "number") return undefined;
    return MEANINGS[gdscode] ?? new ProbeError("PROVIDER_ERROR", { message: `The server answered with the error ${gdscode}.` });
  },
};

/** node-firebird 2 takes each salt for 64 digits long: one that begins with a zero, as one in sixteen does, is written shorter. */
const REFUSED = new ProbeError("INVALID_CREDENTIALS", {
  remedy:
    "Check the user name and the password. Where they are right, set the same password once more (ALTER USER … PASSWORD …): Moorline's driver cannot read one salt in sixteen, and that makes a new one.",
});

const NO_DATABASE = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "The server cannot open this database.",
  remedy: "Enter its path on the server, or its alias there.",
});

const NOT_OPEN_TO_US = new ProbeError("PERMISSION_DENIED", {
  message: "The server's configuration keeps this database closed.",
  remedy: "Have whoever runs the server allow it (DatabaseAccess), or enter the alias it is published by.",
});

const NO_ENCRYPTION = new ProbeError("TLS_ERROR", {
  message: "The server and Moorline agree on no encryption of the connection.",
  remedy: "Have the server offer Arc4 or ChaCha and a login by Srp (WireCrypt, WireCryptPlugin, AuthServer).",
});

/** Of Firebird's `iberror.h`. */
const MEANINGS: Record<number, ProbeError | "PERMISSION_DENIED"> = {
  335544472: REFUSED, // isc_login
  335545106: REFUSED, // isc_login_error
  335544352: "PERMISSION_DENIED", // isc_no_priv
  335544344: NO_DATABASE, // isc_io_error
  335544323: NO_DATABASE, // isc_bad_db_format
  335544375: NO_DATABASE, // isc_unavailable
  335544831: NOT_OPEN_TO_US, // isc_conf_access_denied
  335545064: NO_ENCRYPTION, // isc_wirecrypt_incompatible
};
