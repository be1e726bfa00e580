import amqplib from "amqplib";
import { numberOf, textOf } from "./fields.ts";
import { tlsWith } from "./sockets.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** AMQP 0-9-1, which is RabbitMQ's. A channel that opens is the question. */
export const family: ProbeFamily = {
  async probe({ values, timeoutMs }) {
    const host = textOf(values, "host") ?? "";
    const secure = values["tls"] === true;
    const connection = await amqplib.connect(
      {
        protocol: secure ? "amqps" : "amqp",
        hostname: host,
        port: numberOf(values, "port") ?? (secure ? 5671 : 5672),
        username: textOf(values, "username") ?? "guest",
        password: textOf(values, "password") ?? "",
        // The driver takes it as a part of a URL.
        vhost: encodeURIComponent(textOf(values, "vhost") ?? "/"),
      },
      { ...(secure && tlsWith(host, values)), timeout: timeoutMs },
    );
    connection.on("error", () => {});
    try {
      await connection.createChannel();
    } finally {
      // Politely, but not for long: the runner takes the socket.
      connection.close().catch(() => {});
    }
  },

  meaningOf(error) {
    const { message } = error as { message?: unknown };
    // The driver keeps to itself why a broker that has let the user in does not open the virtual host.
    if (/^Expected ConnectionOpenOk/.test(String(message))) return NO_VHOST;
    // AMQP 0-9-1, section 1.1 "Constants": reply codes.
    const [, code] =
      /^(?:Handshake terminated by server|Connection closed|Channel closed by server): (\d{3}) /.exec(String(message)) ?? [];
    if (code === "403") return "INVALID_CREDENTIALS";
    if (code === undefined) return undefined;
    return new ProbeError("PROVIDER_ERROR", { message: `The broker answered with the reply code ${code}.` });
  },
};

const NO_VHOST = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "The broker accepts the credentials, but has no such virtual host, or none that this user may use.",
  remedy: "Check the virtual host's name (the default one is a single slash), and that the user has permissions in it.",
});
