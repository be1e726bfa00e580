import { createHash, createHmac, pbkdf2Sync, randomBytes } from "node:crypto";
import type net from "node:net";
import { BSON } from "mongodb";
import { rawServer } from "./native.ts";

/** As much of a MongoDB server as a login and one question need: OP_MSG, and SCRAM-SHA-256 (RFC 7677) for `ada` with `correct-horse`. */
export interface FakeMongo {
  port: number;
  close(): Promise<void>;
}

interface Hello {
  [name: string]: unknown;
}

export function startFakeMongo(
  hello: (port: number) => Hello = () => ({}),
  certificate?: { key: string; cert: string },
): Promise<FakeMongo> {
  const started = rawServer((socket) => {
    const login = createScram();
    let pending = Buffer.alloc(0);
    socket.on("data", async (piece: Buffer) => {
      pending = Buffer.concat([pending, piece]);
      // Not this protocol: a ClientHello, say.
      if (pending.byteLength >= 4 && pending.readInt32LE(0) > 48_000_000) return socket.destroy();
      while (pending.byteLength >= 4 && pending.byteLength >= pending.readInt32LE(0)) {
        const message = pending.subarray(0, pending.readInt32LE(0));
        pending = pending.subarray(message.byteLength);
        const about = hello((await started).port);
        reply(socket, message, answerTo(commandOf(message), login, about));
      }
    });
  }, certificate);
  return started;
}

type Document = Record<string, unknown>;
const OP_QUERY = 2004;
const OP_REPLY = 1;
const OP_MSG = 2013;

function commandOf(message: Buffer): Document {
  if (message.readInt32LE(12) === OP_QUERY) return BSON.deserialize(message.subarray(message.indexOf(0, 20) + 9));
  return BSON.deserialize(message.subarray(21));
}

function reply(socket: net.Socket, question: Buffer, document: Document): void {
  const isQuery = question.readInt32LE(12) === OP_QUERY;
  const body = Buffer.concat([Buffer.alloc(isQuery ? 20 : 5), BSON.serialize(document)]);
  if (isQuery) body.writeInt32LE(1, 16);
  const header = Buffer.alloc(16);
  header.writeInt32LE(16 + body.byteLength, 0);
  header.writeInt32LE(question.readInt32LE(4), 8);
  header.writeInt32LE(isQuery ? OP_REPLY : OP_MSG, 12);
  socket.write(Buffer.concat([header, body]));
}

function answerTo(command: Document, login: Scram, about: Hello): Document {
  if ("hello" in command || "ismaster" in command || "isMaster" in command) return { ...HELLO, ...about };
  if ("saslStart" in command) return login.start(bytesOf(command.payload));
  if ("saslContinue" in command) return login.goOn(bytesOf(command.payload));
  if ("listCollections" in command) {
    if (!login.isIn())
      return { ok: 0, code: 13, codeName: "Unauthorized", errmsg: "command listCollections requires authentication" };
    return { ok: 1, cursor: { id: BSON.Long.ZERO, ns: "test.$cmd.listCollections", firstBatch: [] } };
  }
  return { ok: 1 };
}

const HELLO = {
  ok: 1,
  helloOk: true,
  isWritablePrimary: true,
  ismaster: true,
  minWireVersion: 0,
  maxWireVersion: 25,
  maxBsonObjectSize: 16_777_216,
  maxMessageSizeBytes: 48_000_000,
  maxWriteBatchSize: 100_000,
};

function bytesOf(payload: unknown): string {
  return (payload as { buffer: Buffer }).buffer.toString("utf8");
}

interface Scram {
  start(message: string): Document;
  goOn(message: string): Document;
  isIn(): boolean;
}

const REFUSED = { ok: 0, code: 18, codeName: "AuthenticationFailed", errmsg: "Authentication failed." };

function createScram(): Scram {
  const salt = randomBytes(28);
  const salted = pbkdf2Sync("correct-horse", salt, 15_000, 32, "sha256");
  const hmac = (key: Buffer, text: string) => createHmac("sha256", key).update(text).digest();
  const clientKey = hmac(salted, "Client Key");
  const storedKey = createHash("sha256").update(clientKey).digest();
  let [clientFirst, serverFirst, user, isIn] = ["", "", "", false];
  const says = (text: string, done: boolean) => ({ ok: 1, conversationId: 1, done, payload: new BSON.Binary(Buffer.from(text)) });
  return {
    isIn: () => isIn,
    start(message) {
      clientFirst = message.slice("n,,".length);
      user = /n=([^,]*)/.exec(clientFirst)?.[1] ?? "";
      const nonce = `${/r=([^,]*)/.exec(clientFirst)?.[1]}${randomBytes(12).toString("base64")}`;
      serverFirst = `r=${nonce},s=${salt.toString("base64")},i=15000`;
      return says(serverFirst, false);
    },
    goOn(message) {
      const [, bare = "", proof = ""] = /^(.*),p=(.*)$/.exec(message) ?? [];
      const whole = `${clientFirst},${serverFirst},${bare}`;
      const signature = hmac(storedKey, whole);
      const expected = clientKey.map((byte, index) => byte ^ (signature[index] ?? 0));
      if (user !== "ada" || !Buffer.from(expected).equals(Buffer.from(proof, "base64"))) return REFUSED;
      isIn = true;
      return says(`v=${hmac(hmac(salted, "Server Key"), whole).toString("base64")}`, true);
    },
  };
}
