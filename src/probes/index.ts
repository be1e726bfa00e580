import type { NativeSchemeDefinition } from "../catalogue/types.ts";
import type { ProbeFamily } from "./types.ts";

export interface FamilyEntry {
  load(): Promise<{ family: ProbeFamily }>;
  /** The npm package that an operator installs beside Moorline; undefined: whatever it needs comes with Moorline. */
  optionalPackage?: string;
}

/** Every protocol family by the name that a connector's data says. Loaded when first used. */
export const FAMILIES: Readonly<Record<string, FamilyEntry>> = {
  amqp: { load: () => import("./amqp.ts") },
  amqp1: { load: () => import("./amqp1.ts") },
  astra: { load: () => import("./astra.ts") },
  aws: { load: () => import("./aws.ts") },
  azure: { load: () => import("./azure.ts") },
  "broker-url": { load: () => import("./broker-url.ts") },
  cassandra: { load: () => import("./cassandra.ts") },
  couchbase: { load: () => import("./couchbase.ts") },
  etcd: { load: () => import("./etcd.ts") },
  exasol: { load: () => import("./exasol.ts") },
  firebird: { load: () => import("./firebird.ts"), optionalPackage: "node-firebird@2" },
  ftp: { load: () => import("./ftp.ts") },
  "google-cloud": { load: () => import("./google-cloud.ts") },
  hazelcast: { load: () => import("./hazelcast.ts") },
  hana: { load: () => import("./hana.ts"), optionalPackage: "hdb@2" },
  hive: { load: () => import("./hive.ts") },
  http: { load: () => import("./http.ts") },
  imap: { load: () => import("./imap.ts") },
  kafka: { load: () => import("./kafka.ts") },
  ldap: { load: () => import("./ldap.ts") },
  memcached: { load: () => import("./memcached.ts") },
  mongodb: { load: () => import("./mongodb.ts") },
  mqtt: { load: () => import("./mqtt.ts") },
  mssql: { load: () => import("./mssql.ts"), optionalPackage: "tedious@20" },
  mysql: { load: () => import("./mysql.ts") },
  nats: { load: () => import("./nats.ts") },
  netsuite: { load: () => import("./netsuite.ts") },
  opensearch: { load: () => import("./opensearch.ts") },
  neo4j: { load: () => import("./neo4j.ts") },
  oracle: { load: () => import("./oracle.ts") },
  pop3: { load: () => import("./pop3.ts") },
  postgres: { load: () => import("./postgres.ts") },
  pulsar: { load: () => import("./pulsar.ts") },
  redis: { load: () => import("./redis.ts") },
  s3: { load: () => import("./s3.ts") },
  salesforce: { load: () => import("./salesforce.ts") },
  sftp: { load: () => import("./sftp.ts") },
  smb: { load: () => import("./smb.ts") },
  smtp: { load: () => import("./smtp.ts") },
  snowflake: { load: () => import("./snowflake.ts") },
  ssh: { load: () => import("./ssh.ts") },
  stomp: { load: () => import("./stomp.ts") },
  tcp: { load: () => import("./tcp.ts") },
  vertica: { load: () => import("./vertica.ts") },
  webdav: { load: () => import("./webdav.ts") },
};

/** Whether a test really connects. */
export function isProbed(scheme: NativeSchemeDefinition): boolean {
  return Object.hasOwn(FAMILIES, scheme.probe);
}
