import { createHash } from "node:crypto";
import net from "node:net";
import type { ConnectionValues } from "../catalogue/types.ts";
import { type ByteReader, createByteReader } from "./bytes.ts";
import { numberOf, textOf } from "./fields.ts";
import { OTHER_KIND } from "./meanings.ts";
import { sslOf } from "./postgres.ts";
import { openSocket, secured } from "./sockets.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/**
 * Vertica's protocol, 3.16, which descends from PostgreSQL's. Spoken here and not by the vendor's driver, because that one reads and writes
 * whatever file of this machine a server names (its messages LoadFile and WriteFile, which are for COPY).
 */
export const family: ProbeFamily = {
  async probe({ values }) {
    const host = textOf(values, "host") ?? "";
    let socket = await openSocket({ host, port: numberOf(values, "port") ?? 5433 });
    try {
      const secure = sslOf({ ...values, sslMode: values["tlsMode"] });
      if (secure) {
        await askForTls(socket);
        socket = await secured(socket, { ...secure, host, ...(!net.isIP(host) && { servername: host }) });
      }
      const reader = createByteReader(socket);
      socket.write(startup(values));
      await login(socket, reader, values);
      socket.write(message("Q", `SELECT 1\0`));
      if (!(await until("Z", reader)).includes("D")) throw OTHER_KIND;
      socket.write(message("X"));
    } finally {
      socket.destroy();
    }
  },
};

const SSL_REQUEST = Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]);

async function askForTls(socket: net.Socket): Promise<void> {
  const reader = createByteReader(socket);
  socket.write(SSL_REQUEST);
  const answer = (await reader.read(1)).toString("latin1");
  if (answer === "N") throw NO_TLS;
  // Anything that follows was written by somebody who does not speak TLS.
  if (answer !== "S" || reader.hasMore()) throw OTHER_KIND;
}

const PROTOCOL = (3 << 16) | 16;

function startup(values: ConnectionValues): Buffer {
  const settings = {
    user: textOf(values, "username") ?? "",
    database: textOf(values, "database") ?? "",
    client_label: "moorline-test",
    binary_data_protocol: "0",
    protocol_compat: "VER",
  };
  const pairs = Object.entries(settings).map(([name, value]) => `${name}\0${value}\0`);
  const body = Buffer.concat([
    // The version that all understand; the one that is spoken stands among the settings, as a number.
    int32((3 << 16) | 5),
    Buffer.from(`${pairs.join("")}protocol_version\0`),
    int32(PROTOCOL),
    Buffer.alloc(2),
  ]);
  return Buffer.concat([int32(body.byteLength + 4), body]);
}

function message(type: string, body: string | Buffer = ""): Buffer {
  const bytes = Buffer.from(body);
  return Buffer.concat([Buffer.from(type), int32(bytes.byteLength + 4), bytes]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}

interface Message {
  type: string;
  body: Buffer;
}

/** The next message. Throws what an error of the server's means. */
async function next(reader: ByteReader): Promise<Message> {
  const type = (await reader.read(1)).toString("latin1");
  // Before it is known how long it is: whoever else speaks here says no lengths.
  if (!"RSKZETDCNm".includes(type)) throw OTHER_KIND;
  const body = await reader.read((await reader.read(4)).readInt32BE(0) - 4);
  if (type === "E") throw refusalOf(body);
  return { type, body };
}

/** The types of what comes before the message of this type. */
async function until(type: string, reader: ByteReader): Promise<string[]> {
  const seen: string[] = [];
  for (;;) {
    const one = await next(reader);
    if (one.type === type) return seen;
    seen.push(one.type);
  }
}

const AUTH = { ok: 0, clear: 3, md5: 5, expired: 9, grace: 11, hash: 65_536, sha512: 66_048 };

/** Until the server is ready for a question. */
async function login(socket: net.Socket, reader: ByteReader, values: ConnectionValues): Promise<void> {
  for (;;) {
    const { type, body } = await next(reader);
    if (type === "Z") return;
    if (type !== "R") continue;
    const method = body.readInt32BE(0);
    if (method === AUTH.ok || method === AUTH.grace) continue;
    socket.write(message("p", `${answerTo(method, body, values)}\0`));
  }
}

function answerTo(method: number, body: Buffer, values: ConnectionValues): string {
  const [user, password] = [textOf(values, "username") ?? "", textOf(values, "password") ?? ""];
  const salt = body.subarray(4, 8);
  if (method === AUTH.clear) return password;
  if (method === AUTH.md5) return `md5${digest("md5", Buffer.from(digest("md5", Buffer.from(password + user))), salt)}`;
  if (method === AUTH.hash || method === AUTH.sha512) {
    const inner = digest("sha512", Buffer.from(password), body.subarray(12, 28));
    return `sha512${digest("sha512", Buffer.from(inner), salt)}`;
  }
  throw method === AUTH.expired ? EXPIRED : OTHER_LOGIN;
}

function digest(algorithm: "md5" | "sha512", ...parts: Buffer[]): string {
  return createHash(algorithm).update(Buffer.concat(parts)).digest("hex");
}

/** By the SQLSTATE among its fields (each a letter and a text). */
function refusalOf(body: Buffer): ProbeError {
  const fields = body.toString("utf8").split("\0");
  const state = /^C([0-9A-Z]{5})$/.exec(fields.find((field) => field.startsWith("C")) ?? "")?.[1];
  if (!state) return OTHER_KIND;
  if (state.startsWith("28")) return new ProbeError("INVALID_CREDENTIALS");
  if (state === "3D000") return NO_DATABASE;
  if (state === "42501") return new ProbeError("PERMISSION_DENIED");
  return new ProbeError("PROVIDER_ERROR", { message: `The server answered with the error ${state}.` });
}

const NO_TLS = new ProbeError("TLS_ERROR", {
  message: "The server does not offer TLS.",
  remedy: "Have it switched on at the server, or choose the TLS mode “disable”.",
});

const NO_DATABASE = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "There is no such database on the server.",
  remedy: "Check the database's name.",
});

const EXPIRED = new ProbeError("INVALID_CREDENTIALS", {
  message: "The password has run out.",
  remedy: "Sign in once with a client of Vertica's and change it, then enter the new one.",
});

const OTHER_LOGIN = new ProbeError("INVALID_CREDENTIALS", {
  message: "The server wants this user to sign in another way than with a password.",
  remedy: "Have whoever runs the server give the user an authentication method with a password.",
});
