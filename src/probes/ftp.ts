import { Client, FTPError } from "basic-ftp";
import { numberOf, textOf } from "./fields.ts";
import { tlsWith } from "./sockets.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** FTP (RFC 959) and FTPS (RFC 4217), passive mode. A folder is listed, since the second connection is what firewalls break. */
export const family: ProbeFamily = {
  async probe({ values, timeoutMs }) {
    const secure = textOf(values, "secure") ?? "none";
    const host = textOf(values, "host") ?? "";
    // A server may name another address for the second connection; it is checked like the first.
    const client = new Client(timeoutMs, { allowSeparateTransferHost: true, maxListingBytes: MAX_LISTING_BYTES });
    try {
      await client.access({
        host,
        port: numberOf(values, "port") ?? (secure === "implicit" ? 990 : 21),
        user: textOf(values, "username") ?? "anonymous",
        password: textOf(values, "password") ?? "",
        secure: secure === "implicit" ? "implicit" : secure === "explicit",
        ...(secure !== "none" && { secureOptions: tlsWith(host, values) }),
      });
      const root = textOf(values, "rootPath");
      if (root !== undefined) await client.cd(root).catch(noFolder);
      await client.list().catch(unlessLong);
    } finally {
      client.close();
    }
  },

  meaningOf(error) {
    if (!(error instanceof FTPError)) return undefined;
    const { code } = error;
    // RFC 959, section 4.2.2, and RFC 2228, section 5.1. Servers agree on no code for a login that wants TLS first.
    if (WANTS_TLS.test(error.message)) return TLS_WANTED;
    if (code === 530 || code === 430) return "INVALID_CREDENTIALS";
    if ([500, 502, 504, 431, 522, 533, 534, 536].includes(error.code)) return NO_TLS;
    if (code === 421) return new ProbeError("PROVIDER_ERROR", { message: "The server takes no more connections now." });
    if (code === 550 || code === 450) return "PERMISSION_DENIED";
    return new ProbeError("PROVIDER_ERROR", { message: `The server answered with the code ${error.code}.` });
  },
};

const WANTS_TLS = /(tls|ssl|encryption).*requir|(requir|must).*(tls|ssl|encrypt)|use auth first/i;

/** A list that is longer than this proves as much as its end would. */
const MAX_LISTING_BYTES = 1024 * 1024;

function unlessLong(error: unknown): void {
  if (!/Maximum bytes exceeded/.test(String((error as Error).message))) throw error;
}

function noFolder(error: unknown): never {
  if (error instanceof FTPError && error.code === 550) throw NO_FOLDER;
  throw error;
}

const NO_FOLDER = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "There is no such folder, or this user may not enter it.",
  remedy: "Check the root path.",
});

const NO_TLS = new ProbeError("TLS_ERROR", {
  message: "The server does not offer TLS in this way.",
  remedy: "Choose another TLS setting, or have TLS switched on at the server.",
});

const TLS_WANTED = new ProbeError("TLS_ERROR", {
  message: "The server lets nobody in without TLS.",
  remedy: "Choose explicit TLS, or implicit TLS on port 990.",
});
