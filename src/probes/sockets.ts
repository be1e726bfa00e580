import net from "node:net";
import tls from "node:tls";
import type { ConnectionValues } from "../catalogue/types.ts";
import { verifiedTls } from "./fields.ts";
import { ProbeError } from "./types.ts";

/** A server, and how to speak TLS with it (`tlsWith`); undefined: in the clear. */
export interface Place {
  host: string;
  port: number;
  secure?: tls.ConnectionOptions;
}

/**
 * Verified TLS with one host. The host stands among the options, too: over a connection that is there already Node has nothing else to
 * compare the certificate with, and would compare it with `localhost`. An address is sent to no server as its name (RFC 6066 section 3).
 */
export function tlsWith(host: string, values: ConnectionValues): tls.ConnectionOptions {
  return { ...verifiedTls(values), host, ...(!net.isIP(host) && { servername: host }) };
}

/** On its way: `connect` or `secureConnect` tells when it is there. */
export function socketTo({ host, port, secure }: Place): net.Socket {
  return secure ? tls.connect({ ...secure, host, port }) : net.connect({ host, port });
}

/** Open, or rejected with what broke it. */
export function openSocket(place: Place): Promise<net.Socket> {
  return ready(socketTo(place), place.secure !== undefined);
}

/** The same connection, from now on with TLS. */
export function secured(socket: net.Socket, secure: tls.ConnectionOptions): Promise<net.Socket> {
  socket.removeAllListeners("data");
  return ready(tls.connect({ ...secure, socket }), true);
}

function ready(socket: net.Socket, isSecure: boolean): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    socket.once(isSecure ? "secureConnect" : "connect", () => resolve(socket));
    socket.once("error", (error) => reject(isSecure ? handshakeError(error) : error));
    socket.once("close", () => reject(isSecure ? NO_TLS : new ProbeError("CONNECTION_REFUSED")));
  });
}

/** A server that hangs up on the first words of TLS speaks none. */
export function handshakeError(error: Error): Error {
  return (error as NodeJS.ErrnoException).code === "ECONNRESET" ? NO_TLS : error;
}

const NO_TLS = new ProbeError("TLS_ERROR");
