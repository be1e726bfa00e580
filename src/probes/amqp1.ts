import rhea from "rhea";
import { numberOf, textOf } from "./fields.ts";
import { tlsWith } from "./sockets.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** AMQP 1.0 (ISO/IEC 19464) with SASL: a connection that both sides have opened. */
export const family: ProbeFamily = {
  async probe({ values }) {
    const host = textOf(values, "host") ?? "";
    const isSecure = values["tls"] === true;
    const login = { username: textOf(values, "username"), password: textOf(values, "password") };
    const container = rhea.create_container({ id: "moorline-test" });
    const connection = container.create_connection({
      host,
      port: numberOf(values, "port") ?? (isSecure ? 5671 : 5672),
      // Without a user it is the mechanism ANONYMOUS, which brokers that want none expect.
      ...(login.username !== undefined && { username: login.username, password: login.password ?? "" }),
      reconnect: false,
      // Empty and not absent: the driver would send an address as the name, which Node refuses.
      ...(isSecure && { transport: "tls" as const, servername: "", ...tlsWith(host, values) }),
    } as Parameters<typeof container.create_connection>[0]);
    try {
      await new Promise<void>((resolve, reject) => {
        connection.once("connection_open", () => resolve());
        connection.on("connection_error", ({ error }) => reject(error ?? HUNG_UP));
        connection.on("connection_close", ({ error }) => reject(error ?? HUNG_UP));
        connection.on("protocol_error", reject);
        connection.on("error", reject);
        connection.on("disconnected", ({ error }) => reject(error ?? HUNG_UP));
        connection.connect();
      });
    } finally {
      connection.close();
    }
  },

  meaningOf(error) {
    const { condition, name } = error as { condition?: unknown; name?: unknown };
    if (condition === "amqp:unauthorized-access") return "INVALID_CREDENTIALS";
    if (condition === "amqp:not-found") return "RESOURCE_NOT_FOUND";
    if (condition === "amqp:not-allowed") return "PERMISSION_DENIED";
    if (name === "ProtocolError")
      return new ProbeError("PROVIDER_ERROR", { message: "The answer is not what an AMQP 1.0 broker says." });
    return undefined;
  },
};

/** Where it broke, the socket knows. */
const HUNG_UP = new Error("The broker closed the connection.");
