import type net from "node:net";
import { rawServer } from "./native.ts";

/** As much of a Cassandra node as a login and one question need: version 4 of the native protocol, a login for `ada`. */
export interface FakeCassandra {
  port: number;
  close(): Promise<void>;
}

export interface FakeCluster {
  /** Other nodes that it tells of, by IPv4 address. */
  peers?: string[];
  certificate?: { key: string; cert: string };
  /** User and password, each after a zero byte. */
  login?: string;
  authenticator?: string;
}

const OP = {
  ERROR: 0,
  STARTUP: 1,
  READY: 2,
  AUTHENTICATE: 3,
  OPTIONS: 5,
  SUPPORTED: 6,
  QUERY: 7,
  RESULT: 8,
  REGISTER: 11,
  AUTH_CHALLENGE: 14,
  AUTH_RESPONSE: 15,
  AUTH_SUCCESS: 16,
} as const;
const VERSION = 4;
const HEADER_BYTES = 9;

export function startFakeCassandra(cluster: FakeCluster = {}): Promise<FakeCassandra> {
  return rawServer((socket) => {
    let pending = Buffer.alloc(0);
    socket.on("data", (piece: Buffer) => {
      pending = Buffer.concat([pending, piece]);
      if (pending[0] === 0x16) return socket.destroy();
      while (pending.byteLength >= HEADER_BYTES && pending.byteLength >= HEADER_BYTES + pending.readUInt32BE(5)) {
        const frame = pending.subarray(0, HEADER_BYTES + pending.readUInt32BE(5));
        pending = pending.subarray(frame.byteLength);
        answer(socket, frame, cluster);
      }
    });
  }, cluster.certificate);
}

const PASSWORDS = "org.apache.cassandra.auth.PasswordAuthenticator";

function answer(socket: net.Socket, frame: Buffer, cluster: FakeCluster): boolean {
  const { peers = [], login = "\0ada\0correct-horse", authenticator = PASSWORDS } = cluster;
  const [version = 0, opcode, body] = [frame[0], frame[4], frame.subarray(HEADER_BYTES)];
  const reply = (code: number, ...parts: Buffer[]): boolean => {
    const whole = Buffer.concat(parts);
    const header = Buffer.from([0x80 | VERSION, 0, frame[2] ?? 0, frame[3] ?? 0, code, 0, 0, 0, 0]);
    header.writeUInt32BE(whole.byteLength, 5);
    return socket.write(Buffer.concat([header, whole]));
  };
  const fail = (code: number, message: string) => reply(OP.ERROR, int(code), string(message));
  if (version > VERSION) return fail(0x0a, "Invalid or unsupported protocol version");
  switch (opcode) {
    case OP.OPTIONS:
      return reply(OP.SUPPORTED, short(0));
    case OP.STARTUP:
      return reply(OP.AUTHENTICATE, string(authenticator));
    case OP.AUTH_RESPONSE:
      if (authenticator !== PASSWORDS && body.subarray(4).equals(Buffer.from("PLAIN")))
        return reply(OP.AUTH_CHALLENGE, int(11), text("PLAIN-START"));
      if (!body.subarray(4).equals(Buffer.from(login))) return fail(0x0100, "Provided username and/or password are incorrect");
      return reply(OP.AUTH_SUCCESS, int(-1));
    case OP.REGISTER:
      return reply(OP.READY);
    case OP.QUERY: {
      const cql = body.subarray(4, 4 + body.readUInt32BE(0)).toString();
      const keyspace = /^USE "?(\w+)"?/i.exec(cql)?.[1];
      if (keyspace === undefined) return reply(OP.RESULT, rows(cql, peers));
      return keyspace === "shop"
        ? reply(OP.RESULT, int(3), string(keyspace))
        : fail(0x2200, `Keyspace '${keyspace}' does not exist`);
    }
    default:
      return fail(0x0a, "Not known here");
  }
}

const LOCAL = {
  key: "local",
  data_center: "dc1",
  rack: "r1",
  release_version: "4.1.0",
  partitioner: "org.apache.cassandra.dht.Murmur3Partitioner",
  cluster_name: "test",
};

function rows(cql: string, peers: string[]): Buffer {
  if (/system\.peers_v2/.test(cql)) return table([], []);
  if (/system\.peers/.test(cql))
    return table(
      ["peer", "rpc_address", "data_center", "rack", "release_version"],
      peers.map((peer) => [inet(peer), inet(peer), text("dc1"), text("r1"), text("4.1.0")]),
    );
  if (/release_version FROM/.test(cql)) return table(["release_version"], [[text(LOCAL.release_version)]]);
  return table(Object.keys(LOCAL), [Object.values(LOCAL).map(text)]);
}

/** Texts, but for the two columns that hold addresses. */
function table(columns: string[], values: Buffer[][]): Buffer {
  const described = columns.flatMap((name) => [string(name), short(/^(peer|rpc_address)$/.test(name) ? 0x10 : 0x0d)]);
  const cells = values.flat().flatMap((value) => [int(value.byteLength), value]);
  return Buffer.concat([
    int(2),
    int(1),
    int(columns.length),
    string("system"),
    string("t"),
    ...described,
    int(values.length),
    ...cells,
  ]);
}

function inet(address: string): Buffer {
  return Buffer.from(address.split(".").map(Number));
}

function text(value: string): Buffer {
  return Buffer.from(value, "utf8");
}

function string(value: string): Buffer {
  return Buffer.concat([short(Buffer.byteLength(value)), text(value)]);
}

function short(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function int(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
