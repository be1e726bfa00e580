import { randomBytes } from "node:crypto";
import type net from "node:net";
import type { ConnectionValues } from "../catalogue/types.ts";
import { type ByteReader, createByteReader } from "./bytes.ts";
import { hostsOf, textOf } from "./fields.ts";
import { OTHER_KIND } from "./meanings.ts";
import { openSocket, tlsWith } from "./sockets.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/**
 * Hazelcast's open binary client protocol, version 2 (github.com/hazelcast/hazelcast-client-protocol), with one member at a time. Whatever
 * other members the cluster names are for a client that stays, and are not gone to.
 */
export const family: ProbeFamily = {
  async probe({ values }) {
    const failures: unknown[] = [];
    for (const { host, port } of hostsOf(textOf(values, "members") ?? "", 5701)) {
      try {
        return await askMember(host, port, values);
      } catch (error) {
        failures.push(error);
      }
    }
    throw new AggregateError(failures);
  },

  meaningOf(error) {
    return error instanceof ProbeError ? error : undefined;
  },
};

async function askMember(host: string, port: number, values: ConnectionValues): Promise<void> {
  const secure = values["tls"] === true ? tlsWith(host, values) : undefined;
  const socket = await openSocket({ host, port, ...(secure && { secure }) });
  try {
    const reader = createByteReader(socket);
    socket.write("CP2");
    const [login] = await ask(socket, reader, TYPES.authentication, authentication(values));
    const status = login?.content[STATUS_AT];
    if (status !== STATUS.authenticated) throw status === STATUS.notAllowed ? NOT_ALLOWED : REFUSED;
    await ask(socket, reader, TYPES.getDistributedObjects, { more: Buffer.alloc(0), frames: [] });
  } finally {
    socket.destroy();
  }
}

/** An answer's type is one more than its question's. */
const TYPES = { exception: 0, authentication: 0x000100, getDistributedObjects: 0x000800 };
const FLAGS = { whole: 0xc000, final: 1 << 13, begin: 1 << 12, end: 1 << 11, none: 1 << 10, event: 1 << 9 };
/** After the type, the correlation's number and the count of backups. */
const STATUS_AT = 13;
const STATUS = { authenticated: 0, notAllowed: 3 };
/** What is looked at: the rest of a long answer is let go by. */
const FIRST_FRAMES = 8;

interface Frame {
  flags: number;
  content: Buffer;
}

interface Request {
  /** What follows the fixed part of the first frame. */
  more: Buffer;
  frames: Frame[];
}

async function ask(socket: net.Socket, reader: ByteReader, type: number, { more, frames }: Request): Promise<Frame[]> {
  const first = Buffer.alloc(16);
  first.writeInt32LE(type, 0);
  first.writeBigInt64LE(BigInt(type), 4);
  first.writeInt32LE(-1, 12); // no partition
  const all = [{ flags: FLAGS.whole, content: Buffer.concat([first, more]) }, ...frames];
  socket.write(
    Buffer.concat(all.map(({ flags, content }, index) => encoded(content, index + 1 < all.length ? flags : flags | FLAGS.final))),
  );
  const answer = await readMessage(reader);
  const said = answer[0]!.content.readInt32LE(0);
  if (said === TYPES.exception) throw exceptionOf(answer);
  if (said !== type + 1) throw OTHER_KIND;
  return answer;
}

function encoded(content: Buffer, flags: number): Buffer {
  const head = Buffer.alloc(6);
  head.writeInt32LE(content.byteLength + 6, 0);
  head.writeUInt16LE(flags, 4);
  return Buffer.concat([head, content]);
}

/** Its first frames, once all have come. */
async function readMessage(reader: ByteReader): Promise<Frame[]> {
  const frames: Frame[] = [];
  for (let isFinal = false; !isFinal; ) {
    const head = await reader.read(6);
    const [length, flags] = [head.readInt32LE(0), head.readUInt16LE(4)];
    if (length < 6) throw OTHER_KIND;
    const content = await reader.read(length - 6);
    if (frames.length < FIRST_FRAMES) frames.push({ flags, content });
    isFinal = (flags & FLAGS.final) !== 0;
  }
  // No events were asked for.
  if (frames[0]!.content.byteLength < STATUS_AT || frames[0]!.flags & FLAGS.event) throw OTHER_KIND;
  return frames;
}

const SERIALIZATION_VERSION = 1;

function authentication(values: ConnectionValues): Request {
  const text = (value: string): Frame => ({ flags: 0, content: Buffer.from(value) });
  const optional = (value: string | undefined): Frame => (value === undefined ? mark(FLAGS.none) : text(value));
  return {
    // A UUID of ours, which is there (0), and the version.
    more: Buffer.concat([Buffer.from([0]), randomBytes(16), Buffer.from([SERIALIZATION_VERSION])]),
    frames: [
      text(textOf(values, "clusterName") ?? "dev"),
      optional(textOf(values, "username")),
      optional(textOf(values, "password")),
      text("NJS"),
      text("5.7.0"),
      text("moorline-test"),
      mark(FLAGS.begin),
      mark(FLAGS.end),
    ],
  };
}

function mark(flags: number): Frame {
  return { flags, content: Buffer.alloc(0) };
}

/** A list of errors, outermost first, each a number and a Java class's name; the texts are not for us to repeat. */
function exceptionOf(frames: Frame[]): ProbeError {
  const [, , , number, className] = frames;
  const name = className?.content.toString("utf8") ?? "";
  if (name === "java.security.AccessControlException") return new ProbeError("PERMISSION_DENIED");
  if (name === "com.hazelcast.client.AuthenticationException") return REFUSED;
  if (number?.content.byteLength !== 4) return OTHER_KIND;
  return new ProbeError("PROVIDER_ERROR", { message: `The cluster answered with the error ${number.content.readInt32LE(0)}.` });
}

/** The cluster says no more when its name is another. */
const REFUSED = new ProbeError("INVALID_CREDENTIALS", {
  message: "The cluster does not accept this user and password, or has another name.",
  remedy: "Check the cluster's name and the user name, and enter the password again.",
});

const NOT_ALLOWED = new ProbeError("PERMISSION_DENIED", {
  message: "The cluster lets no clients like this one in.",
  remedy: "Have whoever runs the cluster take it off its list of blocked clients.",
});
