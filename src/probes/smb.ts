import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import type net from "node:net";
import { type ByteReader, createByteReader } from "./bytes.ts";
import { numberOf, textOf } from "./fields.ts";
import { OTHER_KIND } from "./meanings.ts";
import { authenticateMessage, negotiateMessage } from "./ntlm.ts";
import { openSocket } from "./sockets.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/**
 * SMB 2.0.2 and 2.1 ([MS-SMB2]) with NTLM version 2, every message signed. Spoken here, because the libraries that there are sign nothing,
 * which today's servers want. What a server only says encrypted (SMB 3) is not heard.
 */
export const family: ProbeFamily = {
  async probe({ values }) {
    const host = textOf(values, "host") ?? "";
    const socket = await openSocket({ host, port: numberOf(values, "port") ?? 445 });
    try {
      const line = { socket, reader: createByteReader(socket), messageId: 0n, sessionId: 0n, treeId: 0, key: null };
      await negotiate(line);
      await signIn(line, {
        user: textOf(values, "username") ?? "",
        password: textOf(values, "password") ?? "",
        domain: textOf(values, "domain") ?? "",
      });
      await connectTree(line, `\\\\${host}\\${textOf(values, "share") ?? ""}`);
      await open(line, textOf(values, "path") ?? "");
    } finally {
      socket.destroy();
    }
  },
};

interface Line {
  socket: net.Socket;
  reader: ByteReader;
  messageId: bigint;
  sessionId: bigint;
  treeId: number;
  /** Once somebody is signed in. */
  key: Buffer | null;
}

const COMMANDS = { negotiate: 0, sessionSetup: 1, treeConnect: 3, create: 5 };
const HEADER = 64;
const FLAG_SIGNED = 0x8;
const PROTOCOL_ID = 0xfe53_4d42;
const STATUS = { ok: 0, pending: 0x103, more: 0xc000_0016 };

interface Answer {
  status: number;
  sessionId: bigint;
  treeId: number;
  /** With its header, from which its offsets count. */
  whole: Buffer;
  body: Buffer;
}

async function ask(line: Line, command: number, body: Buffer): Promise<Answer> {
  const head = Buffer.alloc(HEADER);
  head.writeUInt32BE(PROTOCOL_ID, 0);
  head.writeUInt16LE(HEADER, 4);
  head.writeUInt16LE(command === COMMANDS.negotiate ? 0 : 1, 6);
  head.writeUInt16LE(command, 12);
  head.writeUInt16LE(8, 14);
  head.writeUInt32LE(line.key ? FLAG_SIGNED : 0, 16);
  head.writeBigUInt64LE(line.messageId++, 24);
  head.writeUInt32LE(line.treeId, 36);
  head.writeBigUInt64LE(line.sessionId, 40);
  const message = Buffer.concat([head, body]);
  if (line.key) signatureOf(message, line.key).copy(message, 48);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(message.byteLength);
  line.socket.write(Buffer.concat([length, message]));
  return hear(line, command);
}

async function hear(line: Line, command: number): Promise<Answer> {
  const length = (await line.reader.read(4)).readUInt32BE(0);
  // The first byte is zero in this protocol: whatever else speaks here fails by it.
  if (length > 0xff_ffff || length < HEADER) throw OTHER_KIND;
  const whole = await line.reader.read(length);
  if (whole.readUInt32BE(0) !== PROTOCOL_ID || whole.readUInt16LE(12) !== command) throw OTHER_KIND;
  const status = whole.readUInt32LE(8);
  // It will take a moment; such a word is not signed.
  if (status === STATUS.pending) return hear(line, command);
  if (line.key && !isSigned(whole, line.key)) throw OTHER_KIND;
  const [treeId, sessionId] = [whole.readUInt32LE(36), whole.readBigUInt64LE(40)];
  return { status, treeId, sessionId, whole, body: whole.subarray(HEADER) };
}

/** 3.1.4.1, for these dialects: with zeros where it will stand. */
function signatureOf(message: Buffer, key: Buffer): Buffer {
  const unsigned = Buffer.from(message);
  unsigned.fill(0, 48, HEADER);
  return createHmac("sha256", key).update(unsigned).digest().subarray(0, 16);
}

function isSigned(message: Buffer, key: Buffer): boolean {
  return (
    (message.readUInt32LE(16) & FLAG_SIGNED) !== 0 && timingSafeEqual(message.subarray(48, HEADER), signatureOf(message, key))
  );
}

async function negotiate(line: Line): Promise<void> {
  const dialects = [0x0202, 0x0210];
  const body = Buffer.alloc(36 + dialects.length * 2);
  body.writeUInt16LE(36, 0);
  body.writeUInt16LE(dialects.length, 2);
  body.writeUInt16LE(1, 4);
  randomBytes(16).copy(body, 12);
  for (const [index, dialect] of dialects.entries()) body.writeUInt16LE(dialect, 36 + index * 2);
  const answer = await ask(line, COMMANDS.negotiate, body);
  if (answer.status === 0xc000_00bb) throw NO_DIALECT;
  if (answer.status !== STATUS.ok) throw refusal(answer.status);
  if (!dialects.includes(answer.body.readUInt16LE(4))) throw OTHER_KIND;
}

const IS_GUEST_OR_NOBODY = 0x3;

async function signIn(line: Line, account: Parameters<typeof authenticateMessage>[1]): Promise<void> {
  const challenge = await ask(line, COMMANDS.sessionSetup, sessionSetup(negotiateMessage()));
  if (challenge.status !== STATUS.more) throw refusal(challenge.status);
  line.sessionId = challenge.sessionId;
  const [offset, length] = [challenge.body.readUInt16LE(4), challenge.body.readUInt16LE(6)];
  const { message, sessionKey } = authenticateMessage(challenge.whole.subarray(offset, offset + length), account);
  const { status, body } = await ask(line, COMMANDS.sessionSetup, sessionSetup(message));
  if (status !== STATUS.ok) throw refusal(status, "login");
  // Servers let unknown users in as guests.
  if (body.readUInt16LE(2) & IS_GUEST_OR_NOBODY) throw new ProbeError("INVALID_CREDENTIALS");
  line.key = sessionKey;
}

function sessionSetup(token: Buffer): Buffer {
  const body = Buffer.alloc(24);
  body.writeUInt16LE(25, 0);
  body.writeUInt8(1, 3);
  body.writeUInt16LE(HEADER + 24, 12);
  body.writeUInt16LE(token.byteLength, 14);
  return Buffer.concat([body, token]);
}

async function connectTree(line: Line, path: string): Promise<void> {
  const name = Buffer.from(path, "utf16le");
  const body = Buffer.alloc(8);
  body.writeUInt16LE(9, 0);
  body.writeUInt16LE(HEADER + 8, 4);
  body.writeUInt16LE(name.byteLength, 6);
  const { status, treeId } = await ask(line, COMMANDS.treeConnect, Buffer.concat([body, name]));
  if (status !== STATUS.ok) throw refusal(status, "share");
  line.treeId = treeId;
}

/** For reading, a folder or a file; what is open closes with the connection. */
async function open(line: Line, path: string): Promise<void> {
  const name = Buffer.from(path.replaceAll("/", "\\").replace(/^\\+|\\+$/g, ""), "utf16le");
  const body = Buffer.alloc(56);
  body.writeUInt16LE(57, 0);
  body.writeUInt32LE(2, 4); // impersonation
  body.writeUInt32LE(0x81, 24); // FILE_READ_DATA or FILE_LIST_DIRECTORY, and FILE_READ_ATTRIBUTES
  body.writeUInt32LE(7, 32); // shared with everybody
  body.writeUInt32LE(1, 36); // what is there, and nothing new
  body.writeUInt16LE(HEADER + 56, 44);
  body.writeUInt16LE(name.byteLength, 46);
  const { status } = await ask(line, COMMANDS.create, Buffer.concat([body, name, Buffer.alloc(1)]));
  if (status !== STATUS.ok) throw refusal(status, "path");
}

/** Of [MS-ERREF] 2.3: what refuses a login, but for the state of an account that is right. */
const NO_LOGIN = [0x64, 0x6a, 0x6d, 0x6e, 0x6f, 0x70, 0x72, 0x15b, 0x193, 0x234].map((low) => 0xc000_0000 + low);
const RUN_OUT = [0xc000_0071, 0xc000_0224];
const NO_PATH = [0x0f, 0x33, 0x34, 0x3a, 0x103].map((low) => 0xc000_0000 + low);
const [NO_SHARE, DENIED] = [0xc000_00cc, 0xc000_0022];

function refusal(status: number, of?: "login" | "share" | "path"): ProbeError {
  if (NO_LOGIN.includes(status)) return new ProbeError("INVALID_CREDENTIALS");
  if (RUN_OUT.includes(status)) return PASSWORD_RUN_OUT;
  if (status === NO_SHARE) return SHARE_NOT_FOUND;
  if (of === "path" && NO_PATH.includes(status)) return PATH_NOT_FOUND;
  if (status === DENIED) return of === "share" ? SHARE_CLOSED : new ProbeError("PERMISSION_DENIED");
  return new ProbeError("PROVIDER_ERROR", { message: `The server answered with the status 0x${status.toString(16)}.` });
}

const NO_DIALECT = new ProbeError("PROVIDER_ERROR", {
  message: "The server speaks SMB 3 only, and the test speaks SMB 2.",
  remedy: "Use the credential to see whether it works.",
});

const PASSWORD_RUN_OUT = new ProbeError("INVALID_CREDENTIALS", {
  message: "The password has run out, or must be changed first.",
  remedy: "Sign in once and change it, then enter the new one.",
});

const SHARE_NOT_FOUND = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "There is no such share on the server.",
  remedy: "Enter the share's name alone, without the server and without a path.",
});

const SHARE_CLOSED = new ProbeError("PERMISSION_DENIED", {
  message: "The share is closed to this user, or open to encrypted connections (SMB 3) only.",
  remedy: "Have whoever runs the server grant this user access.",
});

const PATH_NOT_FOUND = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "There is no such path in the share.",
  remedy: "Check the path, from the share's root on.",
});
