import net from "node:net";
import { Admin } from "@platformatic/kafka";
import type { ConnectionValues } from "../catalogue/types.ts";
import { hostsOf, textOf, verifiedTls } from "./fields.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** So many brokers are visited; the rest of a large cluster is announced alike. */
const MAX_BROKERS = 5;

/**
 * Kafka. Who the brokers are, and then each of them at the address that it announces for itself: a listener announced wrongly is what
 * breaks most clients, and what no bootstrap server shows.
 */
export const family: ProbeFamily = {
  async probe({ values, timeoutMs }) {
    const brokers = hostsOf(textOf(values, "bootstrapServers") ?? "", 9092);
    const admin = new Admin({
      clientId: textOf(values, "clientId") ?? "moorline-test",
      bootstrapBrokers: brokers,
      ...securityOf(values),
      // The name goes along for a proxy that routes by it; an address is none.
      ...(brokers.every(({ host }) => !net.isIP(host)) && { tlsServerName: true }),
      connectTimeout: timeoutMs,
      timeout: timeoutMs,
      retries: false,
    });
    admin.on("error", () => {});
    try {
      const { brokers } = await admin.metadata({ topics: [] });
      await admin.connectToBrokers([...brokers.keys()].slice(0, MAX_BROKERS));
    } finally {
      await admin.close().catch(() => {});
    }
  },

  meaningOf(error) {
    const { apiId } = error as { apiId?: unknown };
    if (apiId === "SASL_AUTHENTICATION_FAILED") return "INVALID_CREDENTIALS";
    if (apiId === "UNSUPPORTED_SASL_MECHANISM" || apiId === "ILLEGAL_SASL_STATE") return OTHER_MECHANISM;
    if (typeof apiId === "string" && apiId.endsWith("AUTHORIZATION_FAILED")) return "PERMISSION_DENIED";
    if (apiId === "THROTTLING_QUOTA_EXCEEDED") return "RATE_LIMITED";
    if (typeof apiId === "string" && /^[A-Z_]{1,60}$/.test(apiId))
      return new ProbeError("PROVIDER_ERROR", { message: `The broker answered with the error ${apiId}.` });
    return undefined;
  },
};

function securityOf(values: ConnectionValues) {
  const protocol = textOf(values, "securityProtocol") ?? "PLAINTEXT";
  return {
    ...(protocol.endsWith("SSL") && { tls: verifiedTls(values) }),
    ...(protocol.startsWith("SASL_") && {
      sasl: {
        mechanism: (textOf(values, "saslMechanism") ?? "PLAIN") as "PLAIN" | "SCRAM-SHA-256" | "SCRAM-SHA-512",
        username: textOf(values, "username") ?? "",
        password: textOf(values, "password") ?? "",
      },
    }),
  };
}

const OTHER_MECHANISM = new ProbeError("INVALID_CREDENTIALS", {
  message: "The broker does not take this SASL mechanism on this listener.",
  remedy: "Choose another SASL mechanism or security protocol, or the port of another listener.",
});
