import { createHash, randomBytes } from "node:crypto";
import type net from "node:net";
import tls from "node:tls";
import { rawServer } from "./native.ts";

export type VerticaLogin = "clear" | "md5" | "sha512" | "expired" | "gss";

/**
 * As much of Vertica's protocol as a login of `ada` with `correct horse` at the database `shop` and one question need. Anything else ends the
 * connection.
 */
export interface FakeVertica {
  port: number;
  close(): Promise<void>;
}

interface Options {
  login?: VerticaLogin;
  certificate?: { key: string; cert: string };
  /** The SQLSTATE that follows a right password. */
  refusal?: string;
  /** What is sent in place of the question's answer. */
  instead?: Buffer;
}

export function startFakeVertica(options: Options = {}): Promise<FakeVertica> {
  return rawServer((socket) => {
    const session = createSession(options);
    const serve = (stream: net.Socket) => {
      let pending = Buffer.alloc(0);
      stream
        .on("error", () => {})
        .on("data", (piece: Buffer) => {
          pending = Buffer.concat([pending, piece]);
          for (let end = lengthOf(pending, session); end > 0; end = lengthOf(pending, session)) {
            const answer = pending.byteLength >= end ? session.answer(pending.subarray(0, end)) : undefined;
            if (answer === undefined) return;
            pending = pending.subarray(end);
            if (answer === null) return stream.destroy();
            stream.write(answer);
            if (answer.toString() === "S") {
              stream.removeAllListeners("data");
              return serve(new tls.TLSSocket(stream, { isServer: true, ...options.certificate }));
            }
          }
        });
    };
    serve(socket);
  });
}

/** Of the first message: one with a type, or, at the beginning, without; 0: not known yet. */
function lengthOf(pending: Buffer, session: Session): number {
  const isTyped = session.isGreeted();
  if (pending.byteLength < (isTyped ? 5 : 4)) return 0;
  return isTyped ? 1 + pending.readInt32BE(1) : pending.readInt32BE(0);
}

interface Session {
  isGreeted(): boolean;
  /** null: this is not spoken here. */
  answer(message: Buffer): Buffer | null;
}

const SSL_REQUEST = 80_877_103;

function createSession({ login = "sha512", certificate, refusal, instead }: Options): Session {
  const [salt, userSalt] = [randomBytes(4), randomBytes(16)];
  let settings: Map<string, string> | null = null;
  let isIn = false;
  const challenges: Record<VerticaLogin, Buffer> = {
    clear: int32(3),
    md5: Buffer.concat([int32(5), salt]),
    sha512: Buffer.concat([int32(66_048), salt, int32(16), userSalt]),
    expired: int32(9),
    gss: int32(7),
  };
  // The driver tells the methods apart by their length, too, and counts on 28 bytes.
  const challenge = login === "md5" ? Buffer.concat([challenges.md5, Buffer.alloc(20)]) : challenges[login];
  const letIn = (proof: string) => {
    if (settings?.get("user") !== "ada" || proof !== proofOf(login, salt, userSalt)) return error("28000");
    if (settings.get("database") !== "shop") return error("3D000");
    if (refusal) return error(refusal);
    isIn = true;
    return Buffer.concat([typed("R", int32(0)), typed("S", "protocol_version\x00196624\0"), typed("Z", "I")]);
  };
  return {
    isGreeted: () => settings !== null,
    answer(message) {
      if (!settings && message.readInt32BE(4) === SSL_REQUEST) return Buffer.from(certificate ? "S" : "N");
      if (!settings) {
        if (message.readInt32BE(4) !== ((3 << 16) | 5)) return null;
        settings = settingsOf(message.subarray(8));
        return settings.has("protocol_version") ? typed("R", challenge) : null;
      }
      const [type, body] = [message.toString("latin1", 0, 1), message.toString("utf8", 5, message.byteLength - 1)];
      if (type === "p" && !isIn) return letIn(body);
      if (type === "Q" && isIn && body === "SELECT 1") return instead ?? ONE_ROW;
      return null;
    },
  };
}

function settingsOf(body: Buffer): Map<string, string> {
  const [before = "", after = ""] = body.toString("latin1").split("protocol_version\0");
  const parts = before.split("\0");
  const pairs = parts.flatMap((name, at) => (at % 2 === 0 && name ? [[name, parts[at + 1] ?? ""] as const] : []));
  const settings = new Map<string, string>(pairs);
  // 3.16 as a number, and both ends.
  if (after === "\0\x03\0\x10\0\0") settings.set("protocol_version", "3.16");
  return settings;
}

const hash = (algorithm: string, ...parts: (string | Buffer)[]) =>
  createHash(algorithm)
    .update(Buffer.concat(parts.map((part) => Buffer.from(part))))
    .digest("hex");

function proofOf(login: VerticaLogin, salt: Buffer, userSalt: Buffer): string {
  if (login === "md5") return `md5${hash("md5", hash("md5", "correct horseada"), salt)}`;
  if (login === "sha512") return `sha512${hash("sha512", hash("sha512", "correct horse", userSalt), salt)}`;
  return "correct horse";
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

export function typed(type: string, body: string | Buffer = ""): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from(type), int32(bytes.byteLength + 4), bytes]);
}

function error(state: string): Buffer {
  return typed("E", `SFATAL\0C${state}\0Mno secret of the server's\0\0`);
}

/** One column, of type 6 (an integer of eight bytes), with the row `1`. */
const COLUMN = Buffer.concat([
  Buffer.from([0, 1, 0, 0, 0, 0]),
  Buffer.from("?column?\0"),
  // No table, no column of one, a native type.
  Buffer.alloc(11),
  int32(6),
  Buffer.from([0, 8, 0, 1, 0, 0, 0xff, 0xff, 0xff, 0xff, 0, 0]),
]);
const ONE_ROW = Buffer.concat([
  typed("T", COLUMN),
  typed("D", Buffer.from([0, 1, 0, 0, 0, 1, 0x31])),
  typed("C", "SELECT\0"),
  typed("Z", "I"),
]);
