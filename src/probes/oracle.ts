import oracledb from "oracledb";
import type { ConnectionValues } from "../catalogue/types.ts";
import { numberOf, pemOf, textOf } from "./fields.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** Oracle's own driver in its "thin" mode, which is JavaScript throughout; its "thick" mode would open sockets of its own. */
export const family: ProbeFamily = {
  async probe({ values, timeoutMs }) {
    const role = textOf(values, "role");
    const wallet = pemOf(values, "walletFile");
    const connection = await oracledb.getConnection({
      user: textOf(values, "username"),
      password: textOf(values, "password"),
      connectString: descriptorOf(values, wallet !== undefined),
      connectTimeout: Math.ceil(timeoutMs / 1_000),
      retryCount: 0,
      ...(wallet !== undefined && {
        walletContent: wallet,
        walletPassword: textOf(values, "walletPassword"),
        sslServerDNMatch: true,
      }),
      ...(role === "SYSDBA" && { privilege: oracledb.SYSDBA }),
      ...(role === "SYSOPER" && { privilege: oracledb.SYSOPER }),
    });
    try {
      await connection.execute("SELECT 1 FROM DUAL");
    } finally {
      await connection.close({ drop: true }).catch(() => {});
    }
  },

  meaningOf(error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    const number = /^(?:ORA|NJS)-\d+/.exec(String(code ?? message ?? ""))?.[0];
    if (!number) return undefined;
    if (LOGIN_REFUSED.includes(number)) return "INVALID_CREDENTIALS";
    if (NO_SERVICE.includes(number)) return NO_DATABASE;
    if (number === "NJS-530") return "HOST_NOT_FOUND";
    if (number === "ORA-01045" || number === "ORA-01031") return "PERMISSION_DENIED";
    // What the network said is told by the error inside.
    if (number.startsWith("NJS-5")) return undefined;
    return new ProbeError("PROVIDER_ERROR", { message: `The server answered with the error ${number}.` });
  },
};

/** Wrong, locked, run out. */
const LOGIN_REFUSED = ["ORA-01017", "ORA-28000", "ORA-28001", "ORA-01005"];
const NO_SERVICE = ["NJS-518", "NJS-519", "ORA-12514", "ORA-12505"];

const NO_DATABASE = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "The server does not know this service name or SID.",
  remedy: "Ask whoever runs the database for its service name; the listener's status lists them.",
});

/** Complete, so that no tnsnames.ora of this machine is looked into. */
function descriptorOf(values: ConnectionValues, encrypted: boolean): string {
  const by = textOf(values, "connectBy") ?? "serviceName";
  const place =
    by === "connectString"
      ? easyConnect(textOf(values, "connectString") ?? "")
      : { host: textOf(values, "host"), port: numberOf(values, "port") ?? 1521, name: textOf(values, by), encrypted };
  const key = by === "sid" ? "SID" : "SERVICE_NAME";
  for (const part of [place.host, place.name]) {
    if (!part || !/^[A-Za-z0-9._:$#-]+$/.test(part)) throw UNREADABLE;
  }
  const address = `(ADDRESS=(PROTOCOL=${place.encrypted ? "tcps" : "tcp"})(HOST=${place.host})(PORT=${place.port}))`;
  return `(DESCRIPTION=${address}(CONNECT_DATA=(${key}=${place.name})))`;
}

/** `[tcps://]host[:port]/service`. Anything else can name files, or several hosts. */
function easyConnect(text: string) {
  const [, protocol, host, port, name] = /^(?:(tcps?):)?(?:\/\/)?([^/:\s]+)(?::(\d+))?\/([^/:?\s]+)$/i.exec(text.trim()) ?? [];
  if (!host) throw UNREADABLE;
  return { host, port: Number(port ?? 1521), name, encrypted: protocol?.toLowerCase() === "tcps" };
}

const UNREADABLE = new ProbeError("NOT_TESTABLE", {
  message: "This form of connect string cannot be tested from here.",
  remedy: "Write it as host:port/service, or enter host, port and service name.",
});
