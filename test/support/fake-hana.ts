import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from "node:crypto";
import type net from "node:net";
import { rawServer } from "./native.ts";

/**
 * As much of SAP HANA's SQL command network protocol as a login and one question need: packets of one segment, SCRAMPBKDF2SHA256 for `ADA`
 * with `correct horse`, the question where a database is, and `SELECT 1 FROM DUMMY`. Anything else ends the connection.
 */
export interface FakeHana {
  port: number;
  /** How many have got in. */
  logins(): number;
  close(): Promise<void>;
}

/** Where a database is: here, elsewhere, or (undefined) nowhere. */
export type Whereabouts = (database: string) => "HERE" | { host: string; port: number } | undefined;

export async function startFakeHana(
  where: Whereabouts = () => "HERE",
  options: { certificate?: { key: string; cert: string }; refusal?: number } = {},
): Promise<FakeHana> {
  let logins = 0;
  const server = await rawServer((socket) => {
    const session = { where, refusal: options.refusal, let: () => ++logins };
    serve(socket, session);
  }, options.certificate);
  return { ...server, logins: () => logins };
}

interface Session {
  where: Whereabouts;
  /** The error that follows a right password. */
  refusal: number | undefined;
  let(): void;
}

interface Part {
  kind: number;
  /** How many elements the buffer holds. */
  count: number;
  buffer: Buffer;
}

const HELLO_BYTES = 14;
const PACKET_HEADER = 32;
const SEGMENT_HEADER = 24;
const PART_HEADER = 16;
const [AUTHENTICATE, CONNECT, EXECUTE_DIRECT, DB_CONNECT_INFO] = [65, 66, 2, 82];
const PARTS = { command: 3, resultSet: 5, error: 6, resultSetId: 13, authentication: 33, metadata: 48, dbConnectInfo: 67 };

function serve(socket: net.Socket, session: Session): void {
  const login = createLogin();
  let pending = Buffer.alloc(0);
  let isGreeted = false;
  socket.on("data", (piece: Buffer) => {
    pending = Buffer.concat([pending, piece]);
    if (!isGreeted) {
      if (pending.byteLength < HELLO_BYTES) return;
      // A ClientHello, say.
      if (pending.readUInt32BE(0) !== 0xffffffff) return socket.destroy();
      pending = pending.subarray(HELLO_BYTES);
      isGreeted = true;
      socket.write(Buffer.from([4, 20, 0, 4, 1, 0, 0, 0]));
    }
    while (pending.byteLength >= PACKET_HEADER && pending.byteLength >= PACKET_HEADER + pending.readUInt32LE(12)) {
      const end = PACKET_HEADER + pending.readUInt32LE(12);
      const reply = answerTo(pending.subarray(PACKET_HEADER, end), login, session);
      pending = pending.subarray(end);
      if (!reply) return socket.destroy();
      socket.write(reply);
    }
  });
}

function answerTo(segment: Buffer, login: Login, session: Session): Buffer | null {
  const type = segment.readInt8(13);
  const parts = partsOf(segment);
  const partOf = (kind: number) => parts.find((part) => part.kind === kind)?.buffer;
  if (type === DB_CONNECT_INFO) return whereabouts(session.where(optionsOf(partOf(PARTS.dbConnectInfo)!).get(1) ?? ""));
  if (type === AUTHENTICATE) {
    const challenge = login.begin(fieldsOf(partOf(PARTS.authentication)!));
    return packet(0, [{ kind: PARTS.authentication, count: 1, buffer: challenge }]);
  }
  if (type === CONNECT) {
    const proof = login.finish(fieldsOf(partOf(PARTS.authentication)!));
    if (!proof) return failure(10, "authentication failed");
    if (session.refusal) return failure(session.refusal, "no secret of the server's");
    session.let();
    return packet(14, [{ kind: PARTS.authentication, count: 1, buffer: proof }]);
  }
  const isQuestion = type === EXECUTE_DIRECT && partOf(PARTS.command)?.toString() === "SELECT 1 FROM DUMMY";
  return isQuestion && login.isOver() ? oneRow() : null;
}

function partsOf(segment: Buffer): Part[] {
  const parts: Part[] = [];
  let at = SEGMENT_HEADER;
  for (let left = segment.readInt16LE(8); left > 0; left -= 1) {
    const length = segment.readInt32LE(at + 8);
    const start = at + PART_HEADER;
    parts.push({ kind: segment[at]!, count: segment.readInt16LE(at + 2), buffer: segment.subarray(start, start + length) });
    at = start + Math.ceil(length / 8) * 8;
  }
  return parts;
}

function packet(functionCode: number, parts: Part[], kind = 2): Buffer {
  const bodies = parts.map(({ kind: of, count, buffer }) => {
    const body = Buffer.alloc(PART_HEADER + Math.ceil(buffer.byteLength / 8) * 8);
    body[0] = of;
    // The last packet, and the result set is closed.
    body[1] = of === PARTS.resultSet ? 0x11 : 0;
    body.writeInt16LE(count, 2);
    body.writeInt32LE(buffer.byteLength, 8);
    buffer.copy(body, PART_HEADER);
    return body;
  });
  const segment = Buffer.concat([Buffer.alloc(SEGMENT_HEADER), ...bodies]);
  segment.writeInt32LE(segment.byteLength, 0);
  segment.writeInt16LE(parts.length, 8);
  segment.writeInt16LE(1, 10);
  segment.writeInt8(kind, 12);
  segment.writeInt16LE(functionCode, 14);
  const header = Buffer.alloc(PACKET_HEADER);
  header.writeUInt32LE(7, 0);
  header.writeUInt32LE(segment.byteLength, 12);
  header.writeUInt32LE(segment.byteLength, 16);
  header.writeUInt16LE(1, 20);
  return Buffer.concat([header, segment]);
}

function failure(code: number, text: string): Buffer {
  const buffer = Buffer.alloc(18 + text.length);
  buffer.writeInt32LE(code, 0);
  buffer.writeInt32LE(text.length, 8);
  buffer.writeInt8(1, 12);
  buffer.write(`HY000${text}`, 13);
  return packet(0, [{ kind: PARTS.error, count: 1, buffer }], 5);
}

const [TYPE_INT, TYPE_BOOLEAN, TYPE_STRING] = [3, 28, 29];

function whereabouts(place: ReturnType<Whereabouts>): Buffer {
  // The real number is not documented: any will do.
  if (!place) return failure(4711, "no such database");
  const text = (name: number, value: string) => {
    const head = Buffer.from([name, TYPE_STRING, 0, 0]);
    head.writeInt16LE(value.length, 2);
    return Buffer.concat([head, Buffer.from(value)]);
  };
  const options = [Buffer.from([4, TYPE_BOOLEAN, place === "HERE" ? 1 : 0])];
  if (place !== "HERE") {
    const port = Buffer.alloc(6);
    port.set([3, TYPE_INT]);
    port.writeInt32LE(place.port, 2);
    options.push(text(2, place.host), port);
  }
  return packet(0, [{ kind: PARTS.dbConnectInfo, count: options.length, buffer: Buffer.concat(options) }]);
}

/** Texts by their numbers: all that is asked for here. */
function optionsOf(buffer: Buffer): Map<number, string> {
  const length = buffer.readInt16LE(2);
  return new Map([[buffer[0]!, buffer.toString("utf8", 4, 4 + length)]]);
}

/** One column of integers with one row. */
function oneRow(): Buffer {
  const metadata = Buffer.alloc(24);
  metadata.set([2, TYPE_INT]);
  metadata.writeInt16LE(10, 4);
  for (const at of [8, 12, 16, 20]) metadata.writeInt32LE(-1, at);
  return packet(5, [
    { kind: PARTS.metadata, count: 1, buffer: metadata },
    { kind: PARTS.resultSetId, count: 1, buffer: Buffer.alloc(8) },
    { kind: PARTS.resultSet, count: 1, buffer: Buffer.from([1, 1, 0, 0, 0]) },
  ]);
}

interface Login {
  begin(fields: Buffer[]): Buffer;
  /** The server's proof, or null where the client's is wrong. */
  finish(fields: Buffer[]): Buffer | null;
  isOver(): boolean;
}

const METHOD = "SCRAMPBKDF2SHA256";
const ROUNDS = 1_000;
const sha256 = (data: Buffer) => createHash("sha256").update(data).digest();
const hmac = (key: Buffer, data: Buffer) => createHmac("sha256", key).update(data).digest();

function createLogin(): Login {
  const [salt, serverKey] = [randomBytes(16), randomBytes(48)];
  const salted = pbkdf2Sync("correct horse", salt, ROUNDS, 32, "sha256");
  let clientKey = Buffer.alloc(0);
  let isOver = false;
  return {
    begin(fields) {
      const at = fields.findIndex((field) => field.toString() === METHOD);
      clientKey = Buffer.from(fields[at + 1]!);
      const rounds = Buffer.alloc(4);
      rounds.writeUInt32BE(ROUNDS);
      return fieldsFrom([Buffer.from(METHOD), fieldsFrom([salt, serverKey, rounds])]);
    },
    finish([user, method, proofs]) {
      if (method?.toString() !== METHOD || proofs?.byteLength !== 35) return null;
      const signature = hmac(sha256(sha256(salted)), Buffer.concat([salt, serverKey, clientKey]));
      const key = Buffer.from(proofs.subarray(3).map((byte, at) => byte ^ signature[at]!));
      isOver = user?.toString() === "ADA" && timingSafeEqual(sha256(key), sha256(sha256(salted)));
      if (!isOver) return null;
      const proof = hmac(hmac(salted, salt), Buffer.concat([clientKey, salt, serverKey]));
      return fieldsFrom([Buffer.from(METHOD), fieldsFrom([proof])]);
    },
    isOver: () => isOver,
  };
}

function fieldsOf(buffer: Buffer): Buffer[] {
  const fields: Buffer[] = [];
  let at = 2;
  for (let left = buffer.readUInt16LE(0); left > 0; left -= 1) {
    const length = buffer[at]!;
    fields.push(buffer.subarray(at + 1, at + 1 + length));
    at += 1 + length;
  }
  return fields;
}

function fieldsFrom(fields: Buffer[]): Buffer {
  const count = Buffer.alloc(2);
  count.writeUInt16LE(fields.length);
  return Buffer.concat([count, ...fields.flatMap((field) => [Buffer.from([field.byteLength]), field])]);
}
