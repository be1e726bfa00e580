import net from "node:net";
import tls from "node:tls";
import type { ConnectionValues } from "../catalogue/types.ts";
import { hostsOf, numberOf, textOf, verifiedTls } from "./fields.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

const MAX_BYTES = 64 * 1024;

/**
 * What has no login: that the server takes a connection is all that can be known, or that it answers a first line as its kind does
 * (constants `send`, `expect`). `field`: the one that holds host:port, where there are no two.
 */
export const family: ProbeFamily = {
  async probe({ values, scheme: { constants = {} } }) {
    if (values.transport === "udp")
      throw new ProbeError("NOT_TESTABLE", { message: "Nothing answers over UDP, so nothing can be tested." });
    const socket = await connected(values, constants.field);
    try {
      if (constants.send === undefined) return;
      socket.write(constants.send.replaceAll("\\r", "\r").replaceAll("\\n", "\n"));
      const answer = await firstOf(socket);
      if (!new RegExp(constants.expect ?? "").test(answer)) throw new ProbeError("PROVIDER_ERROR", UNKNOWN_ANSWER);
    } finally {
      socket.destroy();
    }
  },
};

const UNKNOWN_ANSWER = { message: "The answer is not what this kind of server says." };

function connected(values: ConnectionValues, field: string | undefined): Promise<net.Socket> {
  const [listed] = field === undefined ? [] : hostsOf(textOf(values, field) ?? "", 0);
  const { host, port } = listed ?? { host: textOf(values, "host") ?? "", port: numberOf(values, "port") ?? 0 };
  const isSecure = values.transport === "tls" || values.tls === true;
  return new Promise((resolve, reject) => {
    const socket: net.Socket = isSecure
      ? tls.connect({ host, port, ...verifiedTls(values), ...(!net.isIP(host) && { servername: host }) }, () => resolve(socket))
      : net.connect({ host, port }, () => resolve(socket));
    socket.once("error", reject);
  });
}

/** As far as the server has written when it first pauses. */
function firstOf(socket: net.Socket): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    socket.on("data", (piece) => {
      text = (text + piece.toString("latin1")).slice(0, MAX_BYTES);
      resolve(text);
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new ProbeError("PROVIDER_ERROR", UNKNOWN_ANSWER)));
  });
}
