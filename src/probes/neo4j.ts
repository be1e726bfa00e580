import neo4j from "neo4j-driver-lite";
import { textOf } from "./fields.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** Bolt, which Neo4j and Memgraph speak. The URI's scheme says whether there is TLS, and whether a cluster is asked who serves the database. */
export const family: ProbeFamily = {
  async probe({ values, timeoutMs }) {
    const username = textOf(values, "username");
    const password = textOf(values, "password") ?? "";
    const driver = neo4j.driver(
      textOf(values, "uri") ?? "",
      username === undefined ? NOBODY : neo4j.auth.basic(username, password),
      {
        connectionTimeout: timeoutMs,
        connectionAcquisitionTimeout: timeoutMs,
        maxTransactionRetryTime: 0,
        maxConnectionPoolSize: 1,
        telemetryDisabled: true,
        userAgent: "moorline-test",
      },
    );
    const session = driver.session({ database: textOf(values, "database"), defaultAccessMode: neo4j.session.READ });
    try {
      await session.run("RETURN 1");
    } finally {
      // Politely, but not for long: the runner takes the socket.
      driver.close().catch(() => {});
    }
  },

  meaningOf(error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    if (/^Unknown scheme|^Could not parse|^The URI/i.test(String(message))) return NO_URI;
    const [, kind, title] = /^Neo\.(ClientError|TransientError|DatabaseError)\.([A-Za-z.]{1,80})$/.exec(String(code)) ?? [];
    if (kind === undefined || title === undefined) return undefined;
    const known = MEANINGS[title];
    return known ?? new ProbeError("PROVIDER_ERROR", { message: `The server answered with the error ${title}.` });
  },
};

const NOBODY = { scheme: "none", principal: "", credentials: "" };

const NO_DATABASE = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "There is no such database on the server.",
  remedy: "Check the database's name.",
});

const NO_URI = new ProbeError("HOST_NOT_FOUND", {
  message: "The address is not a complete URI.",
  remedy: "Enter it with neo4j://, neo4j+s://, bolt:// or bolt+s:// in front.",
});

/** Neo4j's status codes. */
const MEANINGS: Readonly<
  Record<string, "INVALID_CREDENTIALS" | "PERMISSION_DENIED" | "TOKEN_EXPIRED" | "RATE_LIMITED" | ProbeError>
> = {
  "Security.Unauthorized": "INVALID_CREDENTIALS",
  "Security.AuthenticationRateLimit": "RATE_LIMITED",
  "Security.CredentialsExpired": "TOKEN_EXPIRED",
  "Security.TokenExpired": "TOKEN_EXPIRED",
  "Security.Forbidden": "PERMISSION_DENIED",
  "Database.DatabaseNotFound": NO_DATABASE,
};
