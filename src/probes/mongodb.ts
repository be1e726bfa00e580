import { createSecureContext } from "node:tls";
import { MongoClient, type MongoClientOptions } from "mongodb";
import type { ConnectionValues } from "../catalogue/types.ts";
import { numberOf, textOf, verifiedTls } from "./fields.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** MongoDB's wire protocol. Members of a replica set are followed, each through the guard. */
export const family: ProbeFamily = {
  async probe({ values, timeoutMs }) {
    const { uri, options, database } = targetOf(values);
    const client = new MongoClient(uri, {
      ...options,
      appName: "moorline-test",
      compressors: ["none"],
      maxPoolSize: 1,
      serverSelectionTimeoutMS: timeoutMs,
      connectTimeoutMS: timeoutMs,
    });
    try {
      await Promise.race([failedEverywhere(client), ask(client, database)]);
    } finally {
      await client.close(true);
    }
  },

  meaningOf(error) {
    const { name, code } = error as { name?: unknown; code?: unknown };
    if (name === "MongoParseError") return BAD_STRING;
    if (typeof code !== "number") return undefined;
    // The codes of MongoDB's error_codes.yml; 8000 is Atlas's own.
    if (code === 18 || code === 8000 || code === 11) return "INVALID_CREDENTIALS";
    if (code === 13 || code === 31) return "PERMISSION_DENIED";
    return new ProbeError("PROVIDER_ERROR", { message: `The server answered with the error ${code}.` });
  },
};

/** Names of collections need a login and no right: who has none sees an empty list. */
async function ask(client: MongoClient, database: string | undefined): Promise<void> {
  await client.db(database).command({ listCollections: 1, nameOnly: true, authorizedCollections: true });
}

/** The driver would go on trying: where none of the servers that were named answers, their first failures are the answer. */
function failedEverywhere(client: MongoClient): Promise<never> {
  const failed = new Set<string>();
  let isReached = false;
  client.on("serverHeartbeatSucceeded", () => {
    isReached = true;
  });
  return new Promise((_resolve, reject) => {
    client.on("serverHeartbeatFailed", ({ connectionId, failure }) => {
      failed.add(connectionId);
      if (!isReached && failed.size >= client.options.hosts.length) reject(failure);
    });
  });
}

interface Target {
  uri: string;
  options: MongoClientOptions;
  database: string | undefined;
}

function targetOf(values: ConnectionValues): Target {
  const string = textOf(values, "connectionString");
  if (string !== undefined && textOf(values, "configurationType") !== "values") return fromString(string, values);
  const host = textOf(values, "host") ?? "";
  const replicaSet = textOf(values, "replicaSet");
  const [username, password] = [textOf(values, "username"), textOf(values, "password")];
  const mechanism = textOf(values, "authMechanism");
  const isCertificate = mechanism === "MONGODB-X509";
  return {
    uri: `mongodb://${host.includes(":") ? `[${host}]` : host}:${numberOf(values, "port") ?? 27017}/`,
    database: textOf(values, "database"),
    options: {
      ...(replicaSet === undefined ? { directConnection: true } : { replicaSet }),
      ...(username !== undefined && { auth: isCertificate ? { username } : { username, password: password ?? "" } }),
      ...((username !== undefined || isCertificate) && {
        authSource: isCertificate ? "$external" : (textOf(values, "authSource") ?? "admin"),
        authMechanism: (mechanism ?? "DEFAULT") as "DEFAULT",
      }),
      ...(values.tls === true && { tls: true, secureContext: createSecureContext(verifiedTls(values)) }),
    },
  };
}

/** Those that only say how to talk. Others read files of this machine, or switch the verification off. */
const HARMLESS = new Set(
  `appname authsource authmechanism compressors connecttimeoutms directconnection heartbeatfrequencyms journal loadbalanced
  localthresholdms maxidletimems maxpoolsize maxstalenessseconds minpoolsize readconcernlevel readpreference readpreferencetags
  replicaset retryreads retrywrites serverselectiontimeoutms sockettimeoutms srvmaxhosts srvservicename ssl timeoutms tls w
  waitqueuetimeoutms wtimeoutms zlibcompressionlevel`.split(/\s+/),
);
const MECHANISMS = new Set(["DEFAULT", "SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN", "MONGODB-X509"]);

/** Throws ProbeError where the string asks for what is not done here. */
function fromString(uri: string, values: ConnectionValues): Target {
  const parameters = new URLSearchParams(/\?(.*)$/s.exec(uri)?.[1] ?? "");
  for (const [name, value] of parameters) {
    const isMechanism = name.toLowerCase() === "authmechanism";
    if (HARMLESS.has(name.toLowerCase()) && (!isMechanism || MECHANISMS.has(value))) continue;
    throw new ProbeError("NOT_TESTABLE", {
      message: "The connection string has an option that is not tested from here: it reads a file, or leaves TLS unverified.",
      remedy: "Leave the option out, or enter the values one by one instead of a connection string.",
    });
  }
  // The driver looks at them only where the string asks for TLS.
  return { uri, database: undefined, options: { secureContext: createSecureContext(verifiedTls(values)) } };
}

const BAD_STRING = new ProbeError("HOST_NOT_FOUND", {
  message: "The connection string cannot be read.",
  remedy: "Copy it again, with user name and password percent-encoded.",
});
