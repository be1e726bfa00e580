import { createRequire } from "node:module";
import type net from "node:net";
import { rawServer } from "./native.ts";

/**
 * As much of a Hazelcast member as a login of `ada` with `correct horse` at the cluster `shop` and one question need. What it writes is
 * encoded by the vendor's own client. Anything else ends the connection.
 */
export interface FakeHazelcast {
  port: number;
  /** The last login, byte for byte. */
  login(): Buffer;
  close(): Promise<void>;
}

interface Options {
  certificate?: { key: string; cert: string };
  /** The status of every login. */
  status?: number;
  /** The exception that answers the question. */
  exception?: { errorCode: number; className: string };
}

// biome-ignore lint/suspicious/noExplicitAny: what is deeper than its front door has no types.
const load = createRequire(import.meta.url) as (name: string) => any;
const { ClientMessage, Frame, BEGIN_FRAME, END_FRAME } = load("hazelcast-client/lib/protocol/ClientMessage");
const { DistributedObjectInfoCodec } = load("hazelcast-client/lib/codec/custom/DistributedObjectInfoCodec");
const { ErrorHolderCodec } = load("hazelcast-client/lib/codec/custom/ErrorHolderCodec");
const { AddressCodec } = load("hazelcast-client/lib/codec/custom/AddressCodec");

export async function startFakeHazelcast(options: Options = {}): Promise<FakeHazelcast> {
  let login = Buffer.alloc(0);
  const server = await rawServer((socket) => {
    serve(socket, options, (bytes) => {
      login = Buffer.from(bytes);
    });
  }, options.certificate);
  return { ...server, login: () => login };
}

const [IS_FINAL, IS_NULL] = [1 << 13, 1 << 10];

function serve(socket: net.Socket, options: Options, seen: (login: Buffer) => void): void {
  let pending = Buffer.alloc(0);
  let isGreeted = false;
  let isIn = false;
  socket.on("data", (piece: Buffer) => {
    pending = Buffer.concat([pending, piece]);
    if (!isGreeted && pending.byteLength >= 3) {
      if (pending.toString("latin1", 0, 3) !== "CP2") return socket.destroy();
      isGreeted = true;
      pending = pending.subarray(3);
    }
    for (let end = isGreeted ? endOfMessage(pending) : 0; end > 0; end = endOfMessage(pending)) {
      const message = pending.subarray(0, end);
      pending = pending.subarray(end);
      const type = message.readInt32LE(6);
      if (type === 0x000100) {
        seen(message);
        const status = options.status ?? statusOf(message);
        isIn = status === 0;
        socket.write(authenticated(message, status));
      } else if (type === 0x000800 && isIn) socket.write(answer(message, options.exception));
      else return socket.destroy();
    }
  });
}

/** 0: it is not all there. */
function endOfMessage(bytes: Buffer): number {
  let at = 0;
  while (bytes.byteLength >= at + 6) {
    const [length, flags] = [bytes.readInt32LE(at), bytes.readUInt16LE(at + 4)];
    if (length < 6 || bytes.byteLength < at + length) return 0;
    at += length;
    if (flags & IS_FINAL) return at;
  }
  return 0;
}

function framesOf(message: Buffer): (string | null)[] {
  const frames: (string | null)[] = [];
  for (let at = 0; at < message.byteLength; at += message.readInt32LE(at)) {
    const isNull = (message.readUInt16LE(at + 4) & IS_NULL) !== 0;
    frames.push(isNull ? null : message.toString("utf8", at + 6, at + message.readInt32LE(at)));
  }
  return frames;
}

function statusOf(message: Buffer): number {
  const [, cluster, user, password] = framesOf(message);
  return cluster === "shop" && user === "ada" && password === "correct horse" ? 0 : 1;
}

/** The vendor's message under way. */
interface Encoding {
  addFrame(frame: unknown): void;
  setMessageType(type: number): void;
  getStartFrame(): { content: Buffer };
  toBuffer(): Buffer;
}

/** An answer's beginning: with the question's number, and so many bytes more. */
function begun(question: Buffer, type: number, more: number): Encoding {
  const message = ClientMessage.createForEncode();
  const frame = Frame.createInitialFrame(13 + more);
  frame.content.fill(0);
  question.copy(frame.content, 4, 10, 18);
  message.addFrame(frame);
  message.setMessageType(type);
  return message;
}

function authenticated(question: Buffer, status: number): Buffer {
  // Status, member, version, partitions, cluster, failover.
  const message = begun(question, 0x000101, 1 + 17 + 1 + 4 + 17 + 1);
  message.getStartFrame().content[13] = status;
  // Another address than this one: nobody is to go there.
  AddressCodec.encode(message, { host: "10.1.2.3", port: 5701 });
  message.addFrame(new Frame(Buffer.from("5.5.0")));
  return message.toBuffer();
}

/** More than is worth keeping. */
const NAMES = Array.from({ length: 8_000 }, (_, index) => `carts-of-customer-${index}`);

function answer(question: Buffer, exception: Options["exception"]): Buffer {
  const message = begun(question, exception ? 0 : 0x000801, 0);
  message.addFrame(BEGIN_FRAME.copy());
  if (exception) ErrorHolderCodec.encode(message, { ...exception, message: "no secret of the server's", stackTraceElements: [] });
  else for (const name of NAMES) DistributedObjectInfoCodec.encode(message, { serviceName: "hz:impl:mapService", name });
  message.addFrame(END_FRAME.copy());
  return message.toBuffer();
}
