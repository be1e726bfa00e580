import net from "node:net";
import tls from "node:tls";
import hdb, { type HanaClient } from "hdb";
import tcp from "hdb/lib/protocol/tcp.js";
import { numberOf, textOf, verifiedTls } from "./fields.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

// The driver waits on where a server hangs up on its first words.
tcp.createSocket = (options, done) => brokenByEnd(net.connect(options, done));
// It sends whatever host it has as the server's name; an address is none (RFC 6066 section 3), and Node throws where nobody catches it.
tcp.createSecureSocket = ({ servername, ...options }, done) =>
  brokenByEnd(tls.connect(net.isIP(options.host ?? "") ? options : { ...options, servername }, done));

function brokenByEnd<Kind extends net.Socket>(socket: Kind): Kind {
  return socket.once("end", () => socket.destroy(new Error("The server hung up.")));
}

/**
 * SAP HANA's SQL command network protocol, by SAP's own driver. A tenant database on another host or port, to which the server sends us,
 * is gone to through the guard, and with the same TLS.
 */
export const family: ProbeFamily = {
  async probe({ values, timeoutMs }) {
    const client = hdb.createClient({
      host: textOf(values, "host"),
      port: numberOf(values, "port") ?? 30015,
      user: textOf(values, "username"),
      password: textOf(values, "password"),
      databaseName: textOf(values, "databaseName"),
      initializationTimeout: timeoutMs,
      useTLS: values.encrypt !== false,
      ...(values.encrypt !== false && verifiedTls(values)),
    });
    client.on("error", () => {});
    const refusal = databaseRefusal(client);
    try {
      await settled((done) => client.connect(done));
      await settled((done) => client.exec("SELECT 1 FROM DUMMY", done));
    } catch (error) {
      if (refusal.code !== undefined) throw NO_DATABASE;
      throw values.encrypt !== false && hungUpOnTls(error) ? new ProbeError("TLS_ERROR") : error;
    } finally {
      client.end();
    }
  },

  meaningOf(error) {
    const { code } = (error ?? {}) as { code?: unknown };
    if (code === "EHDBINIT") return NOT_HANA;
    if (typeof code !== "number") return undefined;
    return MEANINGS[code] ?? new ProbeError("PROVIDER_ERROR", { message: `The server answered with the error ${code}.` });
  },
};

/** The server's answer to “where is this database?”, of which the driver keeps no more than the words. */
function databaseRefusal(client: HanaClient): { code?: unknown } {
  const said: { code?: unknown } = {};
  const connection = client._connection;
  const ask = connection?.fetchDbConnectInfo;
  if (!connection || !ask) return said;
  connection.fetchDbConnectInfo = (options, done) =>
    ask.call(connection, options, (error, info) => {
      const { code } = (error ?? {}) as { code?: unknown };
      if (typeof code === "number") said.code = code;
      done(error, info);
    });
  return said;
}

/** The driver keeps no more than the words of what broke a connection before it was open: a server that speaks no TLS resets it. */
function hungUpOnTls(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  return code === "EHDBOPENCONN" && /ECONNRESET|before secure TLS/.test(String(message));
}

function settled(begin: (done: (error?: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => begin((error) => (error ? reject(error) : resolve())));
}

const NO_DATABASE = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "The server does not know this database.",
  remedy: "Check its name, and that the port is the one of the system database's or the tenant's SQL interface.",
});

const NOT_HANA = new ProbeError("PROVIDER_ERROR", { message: "The answer is not what this kind of server says." });

const TLS_WANTED = new ProbeError("TLS_ERROR", {
  message: "The server lets nobody in without encryption.",
  remedy: "Switch encryption on.",
});

const NEW_PASSWORD = new ProbeError("INVALID_CREDENTIALS", {
  message: "The server wants this user to choose a new password first.",
  remedy: "Sign in once with a client of SAP's and change it, then enter the new one.",
});

/** Of the SAP HANA SQL reference's error codes. */
const MEANINGS: Record<number, ProbeError | "INVALID_CREDENTIALS" | "PERMISSION_DENIED"> = {
  10: "INVALID_CREDENTIALS", // authentication failed
  258: "PERMISSION_DENIED", // insufficient privilege
  332: "INVALID_CREDENTIALS", // invalid user name
  414: NEW_PASSWORD,
  415: "INVALID_CREDENTIALS", // user is deactivated
  416: "INVALID_CREDENTIALS", // user is locked
  431: "INVALID_CREDENTIALS", // user's password is deactivated
  4321: TLS_WANTED, // only secure connections are allowed
};
