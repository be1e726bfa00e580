import { type ConnectionOptions, connect, credsAuthenticator, nkeyAuthenticator } from "@nats-io/transport-node";
import type { ConnectionValues } from "../catalogue/types.ts";
import { hostsOf, pemOf, textOf } from "./fields.ts";
import { tlsWith } from "./sockets.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** NATS. A PING that is answered once the server has let the client in. */
export const family: ProbeFamily = {
  async probe({ values, timeoutMs }) {
    const failures: unknown[] = [];
    for (const server of (textOf(values, "servers") ?? "").split(",")) {
      try {
        return await ping(server.trim(), values, timeoutMs);
      } catch (error) {
        failures.push(error);
      }
    }
    throw new AggregateError(failures);
  },

  meaningOf(error) {
    if (error instanceof ProbeError) return error;
    const { name, message } = error as { name?: unknown; message?: unknown };
    if (name === "AuthorizationError") return "INVALID_CREDENTIALS";
    if (name === "UserAuthenticationExpiredError") return "TOKEN_EXPIRED";
    if (name === "PermissionViolationError") return "PERMISSION_DENIED";
    if (message === "server does not support 'tls'") return NO_TLS;
    // The driver has no words for it: it stumbles over the options of TLS that it was not given.
    if (/options\.tls/.test(String(message))) return TLS_WANTED;
    if (message === "unexpected response from server") return NO_NATS;
    return undefined;
  },
};

/** One by one, because the driver compares the certificate of a server that is an address with another name. */
async function ping(url: string, values: ConnectionValues, timeout: number): Promise<void> {
  const [, scheme, place = ""] = /^(?:([a-z]+):\/\/)?([^/]*)/.exec(url) ?? [];
  const [{ host } = { host: "" }] = hostsOf(place, 4222);
  const isSecure = values["tls"] === true || scheme === "tls";
  const connection = await connect({
    servers: place,
    // null, as opposed to undefined: in the clear, whatever the server offers.
    tls: isSecure ? (tlsWith(host, values) as ConnectionOptions["tls"]) : null,
    ...loginOf(values),
    name: "moorline-test",
    timeout,
    reconnect: false,
    // Names are looked up by the socket itself, where what is found is checked.
    resolve: false,
    // What a cluster tells of its other servers is for a connection that lives longer.
    ignoreClusterUpdates: true,
  });
  try {
    await connection.flush();
  } finally {
    await connection.close().catch(() => {});
  }
}

function loginOf(values: ConnectionValues): ConnectionOptions {
  switch (textOf(values, "authType")) {
    case "userPassword":
      return { user: textOf(values, "username") ?? "", pass: textOf(values, "password") ?? "" };
    case "token":
      return { token: textOf(values, "token") ?? "" };
    case "nkey":
      return { authenticator: readable(() => nkeyAuthenticator(Buffer.from((textOf(values, "nkeySeed") ?? "").trim()))) };
    case "credsFile":
      return {
        authenticator: readable(() => credsAuthenticator(Buffer.from((pemOf(values, "credsFile") ?? "").replaceAll("\r", "")))),
      };
    default:
      return {};
  }
}

type Authenticator = ReturnType<typeof nkeyAuthenticator>;

/** What is no seed or no credentials file shows when the server's challenge is to be signed, or before. */
function readable(make: () => Authenticator): Authenticator {
  return (nonce) => {
    try {
      return make()(nonce);
    } catch {
      throw UNREADABLE;
    }
  };
}

const UNREADABLE = new ProbeError("INVALID_CREDENTIALS", {
  message: "The seed or credentials file cannot be read.",
  remedy: "A seed begins with SU. A credentials file has a JWT and a seed between BEGIN and END lines: enter all of it.",
});

const NO_TLS = new ProbeError("TLS_ERROR", {
  message: "The server does not offer TLS.",
  remedy: "Have it switched on at the server, or connect without TLS.",
});

const TLS_WANTED = new ProbeError("TLS_ERROR", { message: "The server wants TLS.", remedy: "Switch TLS on." });

const NO_NATS = new ProbeError("PROVIDER_ERROR", { message: "The answer is not what a NATS server says." });
