import { join } from "node:path";
import { LOCALHOST } from "./certificate.ts";
import { accepting, type Daemon, findBinary, ownedFile, startDaemon } from "./daemon.ts";
import { closedPort } from "./native.ts";

/** The one that Debian keeps for its own scripts: the one on the path changes to a user of its own. */
export const RABBITMQ = findBinary("/usr/lib/rabbitmq/bin/rabbitmq-server");

export interface RabbitMq extends Daemon {
  /** `port` speaks AMQP 0-9-1 and 1.0; these with TLS, STOMP without and with it, and MQTT over WebSocket at /ws. */
  tls: number;
  stomp: number;
  stompTls: number;
  webMqtt: number;
}

const PLUGINS = "[rabbitmq_amqp1_0, rabbitmq_mqtt, rabbitmq_stomp, rabbitmq_web_mqtt].\n";

/** Ada's password is `correct horse`. She may use the virtual hosts `/` and `team/blue`, but not `closed`. */
const DEFINITIONS = {
  users: [{ name: "ada", password: "correct horse", tags: "" }],
  vhosts: [{ name: "/" }, { name: "team/blue" }, { name: "closed" }],
  permissions: ["/", "team/blue"].map((vhost) => ({ user: "ada", vhost, configure: ".*", write: ".*", read: ".*" })),
};

const PATHS = {
  RABBITMQ_CONFIG_FILE: "rabbitmq.conf",
  RABBITMQ_ENABLED_PLUGINS_FILE: "enabled_plugins",
  RABBITMQ_MNESIA_BASE: "mnesia",
  RABBITMQ_LOG_BASE: "log",
  RABBITMQ_PID_FILE: "pid",
  RABBITMQ_FEATURE_FLAGS_FILE: "feature_flags",
  RABBITMQ_GENERATED_CONFIG_DIR: "config",
};

export async function startRabbitMq(): Promise<RabbitMq> {
  const [tls, stomp, stompTls, webMqtt, distribution] = await Promise.all(Array.from({ length: 5 }, closedPort));
  const config = (port: number) => `
    listeners.tcp.1 = 127.0.0.1:${port}
    listeners.ssl.1 = 127.0.0.1:${tls}
    stomp.listeners.tcp.1 = 127.0.0.1:${stomp}
    stomp.listeners.ssl.1 = 127.0.0.1:${stompTls}
    mqtt.listeners.tcp = none
    web_mqtt.tcp.ip = 127.0.0.1
    web_mqtt.tcp.port = ${webMqtt}
    ssl_options.certfile = @/cert.pem
    ssl_options.keyfile = @/key.pem
    load_definitions = @/definitions.json
    log.console = false
  `;
  const environment: Record<string, string> = {
    RABBITMQ_NODENAME: `moorline-${distribution}@localhost`,
    RABBITMQ_DIST_PORT: String(distribution),
    RABBITMQ_CONF_ENV_FILE: "/dev/null",
  };
  const server = await startDaemon(RABBITMQ!, () => [], {
    env: environment,
    prepare(directory, port) {
      for (const [name, path] of Object.entries(PATHS)) environment[name] = join(directory, path);
      ownedFile(join(directory, "cert.pem"), LOCALHOST.cert);
      ownedFile(join(directory, "key.pem"), LOCALHOST.key);
      ownedFile(join(directory, "enabled_plugins"), PLUGINS);
      ownedFile(join(directory, "definitions.json"), JSON.stringify(DEFINITIONS));
      ownedFile(join(directory, "rabbitmq.conf"), config(port).replaceAll("@/", `${directory}/`).replace(/^ +/gm, ""));
    },
  });
  // MQTT waits for members of a cluster that has none, and is the last.
  await Promise.all([tls, stomp, stompTls, webMqtt].map((port) => accepting(port!)));
  return { ...server, tls: tls!, stomp: stomp!, stompTls: stompTls!, webMqtt: webMqtt! };
}
