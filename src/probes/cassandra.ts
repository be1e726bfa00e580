import cassandra from "cassandra-driver";
import { hostsOf, numberOf, textOf, verifiedTls } from "./fields.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

const { auth, Client, errors, policies, types } = cassandra;

/** Cassandra's native protocol. The other nodes that a node tells of are connected to as well, each through the guard. */
export const family: ProbeFamily = {
  async probe({ values, timeoutMs }) {
    const [username, password] = [textOf(values, "username"), textOf(values, "password")];
    const port = numberOf(values, "port") ?? 9042;
    const points = hostsOf(textOf(values, "contactPoints") ?? "", port);
    const client = new Client({
      contactPoints: points.map((point) =>
        point.host.includes(":") ? `[${point.host}]:${point.port}` : `${point.host}:${point.port}`,
      ),
      localDataCenter: textOf(values, "localDataCenter"),
      keyspace: textOf(values, "keyspace"),
      protocolOptions: { port },
      ...(username !== undefined && { authProvider: new auth.PlainTextAuthProvider(username, password ?? "") }),
      ...(values.tls === true && { sslOptions: { ...verifiedTls(values), ...serverName(points) } }),
      socketOptions: { connectTimeout: timeoutMs, readTimeout: timeoutMs },
      policies: { reconnection: new policies.reconnection.ConstantReconnectionPolicy(10 * timeoutMs) },
      // Their timers would outlive the connection.
      pooling: { heartBeatInterval: 0 },
      isMetadataSyncEnabled: false,
    });
    client.on("log", () => {});
    try {
      await client.connect();
      await client.execute("SELECT release_version FROM system.local");
    } finally {
      await client.shutdown().catch(() => {});
    }
  },

  meaningOf(error) {
    if (error instanceof errors.AuthenticationError) return "INVALID_CREDENTIALS";
    if (error instanceof errors.ArgumentError) return NO_DATA_CENTER;
    if (error instanceof errors.NoHostAvailableError && error.message === "No host could be resolved") return "HOST_NOT_FOUND";
    if (!(error instanceof errors.ResponseError)) return undefined;
    const { responseErrorCodes: codes } = types;
    if (error.code === codes.badCredentials) return "INVALID_CREDENTIALS";
    if (error.code === codes.unauthorized) return "PERMISSION_DENIED";
    if (error.code === codes.invalid) return NO_KEYSPACE;
    return new ProbeError("PROVIDER_ERROR", { message: `The server answered with the error 0x${error.code.toString(16)}.` });
  },
};

/** The driver names an address and no host in the handshake, so the name to verify is ours to say. */
function serverName([first]: { host: string }[]): { servername?: string } {
  return first && /[a-z]/i.test(first.host) && !first.host.includes(":") ? { servername: first.host } : {};
}

const NO_KEYSPACE = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "There is no such keyspace.",
  remedy: "Check the keyspace's name, in small letters unless it was made in quotes.",
});

const NO_DATA_CENTER = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "No node of the cluster is in this local data center.",
  remedy: "Enter the data center as the cluster names it (nodetool status).",
});
