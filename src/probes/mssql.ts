import { Connection, Request } from "tedious";
import type { ConnectionValues } from "../catalogue/types.ts";
import { certificatesOf, numberOf, textOf } from "./fields.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** Microsoft's TDS. Another server that the first one sends us to (Azure SQL does) is gone to through the guard. */
export const family: ProbeFamily = {
  async probe({ values, timeoutMs }) {
    const connection = new Connection({
      server: textOf(values, "host") ?? "",
      authentication: loginOf(values),
      options: {
        port: numberOf(values, "port") ?? 1433,
        database: textOf(values, "database"),
        encrypt: values.encrypt !== false,
        trustServerCertificate: false,
        cryptoCredentialsDetails: { ...certificatesOf(values), minVersion: "TLSv1.2" },
        connectTimeout: timeoutMs,
        requestTimeout: timeoutMs,
        maxRetriesOnTransientErrors: 0,
        appName: "moorline-test",
      },
    });
    connection.on("error", () => {});
    // The driver keeps the server's own number for itself.
    const said: { number?: number } = {};
    connection.on("errorMessage", ({ number }) => {
      said.number ??= number;
    });
    if (values.encrypt !== false) insistOnTls(connection);
    try {
      await settled((done) => connection.connect(done));
      await settled((done) => connection.execSql(new Request("SELECT 1", done)));
    } catch (error) {
      throw error instanceof ProbeError ? error : Object.assign(error as Error, said);
    } finally {
      connection.close();
    }
  },

  meaningOf(error) {
    const { number, code } = error as { number?: unknown; code?: unknown };
    if (code === "EENCRYPT") return TLS_WANTED;
    if (number === 4060) return NO_DATABASE;
    if (number === 40615 || number === 40914) return NOT_FROM_HERE;
    if (number === 229 || number === 916) return "PERMISSION_DENIED";
    // 18456 and its kin.
    if (code === "ELOGIN" || (typeof number === "number" && number >= 18450 && number <= 18499)) return "INVALID_CREDENTIALS";
    if (typeof number !== "number") return undefined;
    return new ProbeError("PROVIDER_ERROR", { message: `The server answered with the error ${number}.` });
  },
};

/** Where a server says that it has no TLS the driver would send the login in the clear: here it ends. */
function insistOnTls(connection: Connection): void {
  const negotiate = connection.performTlsNegotiation;
  if (typeof negotiate !== "function") {
    throw new ProbeError("DRIVER_MISSING", {
      message: "The installed driver (tedious) is not a version that is known to keep passwords encrypted.",
      remedy: 'Have the operator run "npm install tedious@20".',
    });
  }
  connection.performTlsNegotiation = async (...args) => {
    await negotiate.apply(connection, args);
    if (!connection.messageIo.tlsNegotiationComplete) throw NO_TLS;
  };
}

function loginOf(values: ConnectionValues) {
  const [userName, password] = [textOf(values, "username"), textOf(values, "password")];
  const isWindows = values.authType === "windows-ntlm";
  const options = { userName, password, ...(isWindows && { domain: textOf(values, "domain") ?? "" }) };
  return { type: isWindows ? "ntlm" : "default", options };
}

function settled(begin: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => begin((error) => (error ? reject(error) : resolve())));
}

const NO_DATABASE = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "There is no such database, or this login may not open it.",
  remedy: "Check the database's name, and that the login is mapped to a user there.",
});

const NOT_FROM_HERE = new ProbeError("PERMISSION_DENIED", {
  message: "The server's firewall does not let Moorline's address in.",
  remedy: "Have whoever runs the server add a firewall rule for it.",
});

const TLS_WANTED = new ProbeError("TLS_ERROR", {
  message: "The server lets nobody in without encryption.",
  remedy: "Switch encryption on.",
});

const NO_TLS = new ProbeError("TLS_ERROR", {
  message: "The server does not offer TLS.",
  remedy: "Have it switched on at the server, or switch encryption off.",
});
