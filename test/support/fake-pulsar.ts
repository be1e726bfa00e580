import type net from "node:net";
import { rawServer } from "./native.ts";

/**
 * As much of a Pulsar broker as a login and a PING need: it takes the token `right-token`, or nothing where it wants nothing. It asks whether
 * the client is still there before it answers. Anything else ends the connection.
 */
export interface FakePulsar {
  port: number;
  close(): Promise<void>;
}

interface Options {
  certificate?: { key: string; cert: string };
  /** The method that it wants. */
  method?: "token" | "tls" | "sasl";
  /** The ServerError that answers every CONNECT. */
  error?: number;
}

export function startFakePulsar(options: Options = {}): Promise<FakePulsar> {
  return rawServer((socket) => serve(socket, options), options.certificate);
}

function serve(socket: net.Socket, options: Options): void {
  let pending = Buffer.alloc(0);
  let isIn = false;
  socket.on("data", (piece: Buffer) => {
    pending = Buffer.concat([pending, piece]);
    if (pending.byteLength >= 4 && pending.readUInt32BE(0) > 5_000_000) return socket.destroy();
    while (pending.byteLength >= 4 && pending.byteLength >= 4 + pending.readUInt32BE(0)) {
      const end = 4 + pending.readUInt32BE(0);
      const command = pending.readUInt32BE(4) === end - 8 ? pending.subarray(8, end) : Buffer.alloc(0);
      pending = pending.subarray(end);
      const answer = command.equals(PING) && isIn ? [PING, PONG] : isIn ? null : connectAnswer(command, options);
      if (!answer) return socket.destroy();
      isIn ||= answer[0] === CONNECTED;
      for (const one of answer) socket.write(framed(one));
    }
  });
}

/** Type 18, field 18 empty; and the same of 19. */
const PING = Buffer.from([0x08, 18, 0x92, 0x01, 0]);
const PONG = Buffer.from([0x08, 19, 0x9a, 0x01, 0]);
/** Type 3; field 3: server_version "x", protocol_version 21. */
const CONNECTED = Buffer.from([0x08, 3, 0x1a, 5, 0x0a, 1, 0x78, 0x10, 21]);

function connectAnswer(command: Buffer, { method, error }: Options): Buffer[] | null {
  // Type 2, field 2 of so many bytes.
  if (command[0] !== 0x08 || command[1] !== 2 || command[2] !== 0x12 || command[3] !== command.byteLength - 4) return null;
  const texts = textsOf(command.subarray(4));
  if (!texts.get(1)) return null;
  if (error !== undefined) return [refused(error)];
  // AUTH_CHALLENGE, type 36.
  if (method === "sasl") return [Buffer.from([0x08, 36, 0xa2, 0x02, 0])];
  const isRight = method === undefined || (texts.get(5) === method && texts.get(3) === (method === "token" ? "right-token" : ""));
  return [isRight ? CONNECTED : refused(3)];
}

/** Type 14; field 14: request_id 0, error, message. */
function refused(error: number): Buffer {
  const text = Buffer.from("no secret of the server's");
  const body = Buffer.concat([Buffer.from([0x08, 0, 0x10, error, 0x1a, text.byteLength]), text]);
  return Buffer.concat([Buffer.from([0x08, 14, 0x72, body.byteLength]), body]);
}

/** All lengths here are of one byte, but for the one number, the protocol's version. */
function textsOf(body: Buffer): Map<number, string> {
  const texts = new Map<number, string>();
  for (let at = 0; at < body.byteLength; ) {
    const [tag = 0, length = 0] = body.subarray(at, at + 2);
    const isText = (tag & 7) === 2;
    if (isText) texts.set(tag >> 3, body.toString("utf8", at + 2, at + 2 + length));
    at += isText ? 2 + length : 2;
  }
  return texts;
}

function framed(command: Buffer): Buffer {
  const head = Buffer.alloc(8);
  head.writeUInt32BE(command.byteLength + 4, 0);
  head.writeUInt32BE(command.byteLength, 4);
  return Buffer.concat([head, command]);
}
