import { once } from "node:events";
import net, { type AddressInfo } from "node:net";

/**
 * As much of Bolt 4.4 as a connection test asks for. There is no Neo4j that a test could start here, so that this stands in for one: it
 * proves what Moorline makes of the answers, and not that servers answer so.
 */
export interface BoltOptions {
  /** `host:port` of the servers that a cluster hands out; default: this one. */
  servers?: string[];
  /** Neo4j's code of the error that a request of this kind is answered with. */
  fails?: { at: "HELLO" | "RUN"; code: string };
}

const [HELLO, RUN, ROUTE, PULL] = [0x01, 0x10, 0x66, 0x3f];
const [SUCCESS, RECORD, FAILURE] = [0x70, 0x71, 0x7f];

export async function startBolt(options: BoltOptions = {}): Promise<{ port: number; close(): Promise<void> }> {
  const sockets = new Set<net.Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    const here = `localhost:${(server.address() as AddressInfo).port}`;
    serve(socket, { servers: [here], ...options });
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

function serve(socket: net.Socket, options: BoltOptions & { servers: string[] }): void {
  let buffered = Buffer.alloc(0);
  let isGreeted = false;
  socket.on("data", (piece: Buffer) => {
    buffered = Buffer.concat([buffered, piece]);
    if (!isGreeted) {
      if (buffered.length < 20) return;
      if (buffered.readUInt32BE(0) !== 0x60_60_b0_17) return socket.destroy();
      isGreeted = true;
      buffered = buffered.subarray(20);
      socket.write(Buffer.from([0, 0, 4, 4]));
    }
    // Small messages come in one chunk each: length, content, and two zeros.
    while (buffered.length >= 2 && buffered.length >= buffered.readUInt16BE(0) + 4) {
      const end = 2 + buffered.readUInt16BE(0);
      for (const answer of answersTo(buffered[3]!, options))
        socket.write(Buffer.concat([uint16(answer.length), answer, uint16(0)]));
      buffered = buffered.subarray(end + 2);
    }
  });
}

function answersTo(request: number, { servers, fails }: BoltOptions & { servers: string[] }): Buffer[] {
  const name = request === HELLO ? "HELLO" : request === RUN ? "RUN" : null;
  if (fails && fails.at === name) return [message(FAILURE, { code: fails.code, message: "<script>" })];
  if (request === HELLO) return [message(SUCCESS, { server: "Neo4j/4.4.0", connection_id: "bolt-1" })];
  if (request === RUN) return [message(SUCCESS, { fields: ["1"] })];
  if (request === PULL) return [message(RECORD, [1]), message(SUCCESS, { type: "r" })];
  if (request !== ROUTE) return [message(SUCCESS, {})];
  const table = ["ROUTE", "READ", "WRITE"].map((role) => ({ addresses: servers, role }));
  return [message(SUCCESS, { rt: { ttl: 60, servers: table, db: "neo4j" } })];
}

function message(signature: number, field: unknown): Buffer {
  return Buffer.concat([Buffer.from([0xb1, signature]), packed(field)]);
}

/** PackStream: small numbers, short texts, lists and maps. */
function packed(value: unknown): Buffer {
  if (typeof value === "number") return Buffer.from([value]);
  if (typeof value === "string") return Buffer.concat([Buffer.from([0xd0, Buffer.byteLength(value)]), Buffer.from(value)]);
  if (Array.isArray(value)) return Buffer.concat([Buffer.from([0x90 + value.length]), ...value.map(packed)]);
  const entries = Object.entries(value as object);
  return Buffer.concat([Buffer.from([0xa0 + entries.length]), ...entries.flat().map(packed)]);
}

function uint16(value: number): Buffer {
  const buffer = Buffer.alloc(2);
  buffer.writeUInt16BE(value);
  return buffer;
}
