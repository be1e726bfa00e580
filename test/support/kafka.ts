import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import tls from "node:tls";

/**
 * As much of a Kafka broker as a connection test asks for: ApiVersions, SASL PLAIN and Metadata. There is no Kafka that a test could
 * start here, so that this stands in for one: it proves what Moorline makes of the answers, and not that brokers answer so.
 */
export interface KafkaOptions {
  /** Where the broker says that it is; default: where it is. */
  advertised?: { host: string; port: number };
  /** Ada's password; without it everybody is let in. */
  password?: string;
  certificate?: { key: string; cert: string };
}

export async function startKafka(options: KafkaOptions = {}): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<net.Socket>();
  const server = options.certificate ? tls.createServer(options.certificate) : net.createServer();
  server.on("tlsClientError", () => {});
  server.on(options.certificate ? "secureConnection" : "connection", (socket: net.Socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    serve(socket, { advertised: { host: "localhost", port: (server.address() as AddressInfo).port }, ...options });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

type Options = KafkaOptions & { advertised: { host: string; port: number } };

function serve(socket: net.Socket, options: Options): void {
  let buffered = Buffer.alloc(0);
  const session = { isKnown: options.password === undefined };
  socket.on("data", (piece: Buffer) => {
    buffered = Buffer.concat([buffered, piece]);
    while (buffered.length >= 4 && buffered.length >= 4 + buffered.readInt32BE(0)) {
      const end = 4 + buffered.readInt32BE(0);
      const answer = answerTo(buffered.subarray(4, end), options, session);
      buffered = buffered.subarray(end);
      if (!answer) return socket.destroy();
      socket.write(Buffer.concat([int32(answer.length), answer]));
    }
  });
}

const [METADATA, SASL_HANDSHAKE, API_VERSIONS, SASL_AUTHENTICATE] = [3, 17, 18, 36];
const [UNSUPPORTED_SASL_MECHANISM, SASL_AUTHENTICATION_FAILED] = [33, 58];

/** Null: hang up, as a broker does on whoever is not logged in. */
function answerTo(request: Buffer, { advertised, password }: Options, session: { isKnown: boolean }): Buffer | null {
  const [api, version] = [request.readInt16BE(0), request.readInt16BE(2)];
  const correlation = request.subarray(4, 8);
  const body = request.subarray(10 + Math.max(0, request.readInt16BE(8)));
  if (api === API_VERSIONS) return Buffer.concat([correlation, apiVersions(version)]);
  if (api === SASL_HANDSHAKE) {
    const isPlain = body.subarray(2).toString("latin1").startsWith("PLAIN");
    return Buffer.concat([correlation, int16(isPlain ? 0 : UNSUPPORTED_SASL_MECHANISM), int32(1), text("PLAIN")]);
  }
  if (api === SASL_AUTHENTICATE) {
    session.isKnown = body.subarray(4).toString("utf8") === `\0ada\0${password}`;
    const code = int16(session.isKnown ? 0 : SASL_AUTHENTICATION_FAILED);
    return Buffer.concat([correlation, code, session.isKnown ? int16(-1) : text("<script>"), int32(0)]);
  }
  if (api !== METADATA || !session.isKnown) return null;
  const broker = Buffer.concat([int32(1), text(advertised.host), int32(advertised.port), int16(-1)]);
  // Version 4: throttle time, brokers, cluster id, controller id, topics.
  return Buffer.concat([correlation, int32(0), int32(1), broker, text("cluster"), int32(1), int32(0)]);
}

function apiVersions(version: number): Buffer {
  const known = [
    [METADATA, 4, 4],
    [SASL_HANDSHAKE, 1, 1],
    [API_VERSIONS, 0, 3],
    [SASL_AUTHENTICATE, 0, 0],
  ].map((one) => Buffer.concat(one.map(int16)));
  if (version < 3) return Buffer.concat([int16(0), int32(known.length), ...known, ...(version > 0 ? [int32(0)] : [])]);
  const none = Buffer.from([0]);
  return Buffer.concat([int16(0), Buffer.from([known.length + 1]), ...known.flatMap((one) => [one, none]), int32(0), none]);
}

function int16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeInt16BE(value);
  return buffer;
}

function int32(value: number): Buffer {
  const buffer = Buffer.alloc(4);
  buffer.writeInt32BE(value);
  return buffer;
}

function text(value: string): Buffer {
  return Buffer.concat([int16(Buffer.byteLength(value)), Buffer.from(value)]);
}
