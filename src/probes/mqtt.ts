import { randomBytes } from "node:crypto";
import type { Duplex } from "node:stream";
import { type IClientOptions, MqttClient } from "mqtt";
import { createWebSocketStream, WebSocket } from "ws";
import type { ConnectionValues } from "../catalogue/types.ts";
import { numberOf, textOf } from "./fields.ts";
import { handshakeError, type Place, socketTo, tlsWith } from "./sockets.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

const PORTS: Readonly<Record<string, number>> = { mqtt: 1883, mqtts: 8883, ws: 80, wss: 443 };

/** MQTT 3.1, 3.1.1 and 5.0, also over WebSocket. The broker's CONNACK says whether it lets the client in. */
export const family: ProbeFamily = {
  async probe({ values, timeoutMs }) {
    let client: MqttClient | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        // The driver keeps to itself what breaks a socket.
        const stream = () => streamTo(values).once("error", (error) => reject(meaningOfBroken(error, values)));
        client = new MqttClient(stream, optionsOf(values, timeoutMs));
        client.once("connect", () => resolve());
        client.on("error", reject);
        client.once("close", () => reject(HUNG_UP));
      });
    } finally {
      client?.end(true);
    }
  },

  meaningOf(error) {
    const { code } = error as { code?: unknown };
    if (typeof code !== "number") return undefined;
    const meaning = MEANINGS[code];
    if (meaning) return meaning;
    return new ProbeError("PROVIDER_ERROR", { message: `The broker refused the connection with the reason code ${code}.` });
  },
};

function optionsOf(values: ConnectionValues, timeoutMs: number): IClientOptions {
  const protocolVersion = (numberOf(values, "protocolVersion") ?? 4) as 3 | 4 | 5;
  if (values["password"] !== undefined && values["username"] === undefined) throw protocolVersion === 5 ? UNSENT : NO_USER;
  return {
    protocolVersion,
    protocolId: protocolVersion === 3 ? "MQIsdp" : "MQTT",
    clientId: clientIdOf(values),
    clean: true,
    keepalive: 0,
    reconnectPeriod: 0,
    connectTimeout: timeoutMs,
    username: textOf(values, "username"),
    password: textOf(values, "password"),
  };
}

/** Never the very one that was typed: a broker throws out the client that has it. 23 characters are what every broker takes (3.1.3.1). */
function clientIdOf(values: ConnectionValues): string {
  const ending = randomBytes(4).toString("hex");
  return `${(textOf(values, "clientId") ?? "moorline-test").slice(0, 14)}-${ending}`;
}

function streamTo(values: ConnectionValues): Duplex {
  const protocol = textOf(values, "protocol") ?? "mqtt";
  const isSecure = protocol === "mqtts" || protocol === "wss";
  const host = textOf(values, "host") ?? "";
  const port = numberOf(values, "port") ?? PORTS[protocol] ?? 1883;
  const place = { host, port, secure: isSecure ? tlsWith(host, values) : undefined };
  return protocol.startsWith("ws") ? webSocketTo(place, textOf(values, "path") ?? "/mqtt") : socketTo(place);
}

/** Before CONNACK; after it nobody listens any more. */
function meaningOfBroken(error: Error, { protocol }: ConnectionValues): Error {
  const [, status] = /^Unexpected server response: (\d{3})$/.exec(error.message) ?? [];
  if (status === "404") return NO_PATH;
  if (status !== undefined)
    return new ProbeError("PROVIDER_ERROR", { message: `The server answered with the HTTP status ${status}.` });
  return protocol === "mqtts" || protocol === "wss" ? handshakeError(error) : error;
}

function webSocketTo({ host, port, secure }: Place, path: string): Duplex {
  const name = host.includes(":") ? `[${host}]` : host;
  const url = URL.parse(path, `${secure ? "wss" : "ws"}://${name}:${port}`);
  if (!url) throw new ProbeError("HOST_NOT_FOUND");
  // Node's own types know these options, those of the library not.
  const options = { ...secure, followRedirects: false } as object;
  return createWebSocketStream(new WebSocket(url, ["mqtt"], options));
}

const NO_USER = new ProbeError("INVALID_CREDENTIALS", {
  message: "This version of MQTT knows no password without a user name.",
  remedy: "Enter the user name as well, or choose MQTT 5.",
});

/** MQTT 5 allows it (3.1.2.9), the driver does not. */
const UNSENT = new ProbeError("NOT_TESTABLE", { message: "A password without a user name is not tested from here." });

const HUNG_UP = new ProbeError("PROVIDER_ERROR", {
  message: "The broker closed the connection without an answer.",
  remedy: "Check that port, protocol and MQTT version are those of the broker.",
});

const NO_PATH = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "The server takes no WebSocket connections at this path.",
  remedy: "Check the WebSocket path. Brokers differ: /mqtt, /ws and / are usual.",
});

const NO_SUCH_VERSION = new ProbeError("PROVIDER_ERROR", {
  message: "The broker does not speak this version of MQTT.",
  remedy: "Choose another MQTT version.",
});

const NOT_THIS_CLIENT = new ProbeError("PERMISSION_DENIED", {
  message: "The broker does not accept the test's client ID, which is yours, shortened, with a random ending.",
  remedy: "Have the broker accept client IDs that begin like yours, or use the credential to see whether it works.",
});

const NOT_NOW = new ProbeError("PROVIDER_ERROR", { message: "The broker cannot serve now.", remedy: "Try again later." });

/** Return codes of 3.1.1 (table 3.1) and reason codes of 5.0 (table 3-1). Brokers say "not authorized" for a wrong password, too. */
const MEANINGS: Readonly<Record<number, "INVALID_CREDENTIALS" | "RATE_LIMITED" | "PERMISSION_DENIED" | ProbeError>> = {
  1: NO_SUCH_VERSION,
  2: NOT_THIS_CLIENT,
  3: NOT_NOW,
  4: "INVALID_CREDENTIALS",
  5: "INVALID_CREDENTIALS",
  132: NO_SUCH_VERSION,
  133: NOT_THIS_CLIENT,
  134: "INVALID_CREDENTIALS",
  135: "INVALID_CREDENTIALS",
  136: NOT_NOW,
  137: NOT_NOW,
  138: "PERMISSION_DENIED",
  140: "INVALID_CREDENTIALS",
  151: "RATE_LIMITED",
  159: "RATE_LIMITED",
};
