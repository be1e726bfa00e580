import { once } from "node:events";
import net from "node:net";
import { hostsOf, textOf } from "./fields.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** Memcached's two protocols: SASL goes over the binary one, a password file (`-Y`) over the text one. Each server that is named is asked. */
export const family: ProbeFamily = {
  async probe({ values }) {
    const username = textOf(values, "username");
    const login = username === undefined ? null : { username, password: textOf(values, "password") ?? "" };
    for (const server of hostsOf(textOf(values, "servers") ?? "", 11211)) await askOne(server, login);
  },
};

interface Login {
  username: string;
  password: string;
}

/** The first question, without a secret, tells which protocol it speaks: an open server would store a login as a value. */
function askOne(server: Server, login: Login | null): Promise<void> {
  return withSocket(server, async (socket) => {
    const answer = await answerTo(socket, "version\r\n");
    if (answer === null && login) return askInBinary(server, login);
    const text = String(answer);
    if (!/^(VERSION |CLIENT_ERROR unauthenticated)/.test(text)) throw NO_MEMCACHED;
    const isOpen = text.startsWith("VERSION ");
    if (isOpen && login) throw NO_LOGIN_WANTED;
    if (isOpen) return;
    if (!login) throw LOGIN_WANTED;
    const pair = `${login.username} ${login.password}`;
    const done = String(await answerTo(socket, `set auth 0 0 ${Buffer.byteLength(pair)}\r\n${pair}\r\n`));
    if (!done.startsWith("STORED")) throw new ProbeError("INVALID_CREDENTIALS");
  });
}

interface Server {
  host: string;
  port: number;
}

/** One connection, as long as `talk` needs it. */
async function withSocket<T>(server: Server, talk: (socket: net.Socket) => Promise<T>): Promise<T> {
  const socket = net.connect(server);
  try {
    await once(socket, "connect");
    return await talk(socket);
  } finally {
    socket.destroy();
  }
}

/** What the server writes next; null: it hangs up. */
function answerTo(socket: net.Socket, question: Buffer | string): Promise<Buffer | null> {
  return new Promise((resolve, reject) => {
    socket.once("data", resolve);
    socket.once("close", () => resolve(null));
    socket.once("error", (error: NodeJS.ErrnoException) => (error.code === "ECONNRESET" ? resolve(null) : reject(error)));
    socket.write(question);
  });
}

const LOGIN_WANTED = new ProbeError("INVALID_CREDENTIALS", {
  message: "The server wants a user name and password.",
  remedy: "Enter both.",
});
const NO_LOGIN_WANTED = new ProbeError("INVALID_CREDENTIALS", {
  message: "The server has no logins.",
  remedy: "Leave user name and password empty.",
});
const NO_MEMCACHED = new ProbeError("PROVIDER_ERROR", { message: "The answer is not what Memcached says." });

const [REQUEST, RESPONSE] = [0x80, 0x81];
const [OP_VERSION, OP_SASL_AUTH] = [0x0b, 0x21];
const HEADER_BYTES = 24;
const AUTH_ERROR = 0x20;

function askInBinary(server: Server, { username, password }: Login): Promise<void> {
  return withSocket(server, async (socket) => {
    const status = statusOf(await answerTo(socket, packet(OP_SASL_AUTH, "PLAIN", `\0${username}\0${password}`)));
    if (status === AUTH_ERROR) throw new ProbeError("INVALID_CREDENTIALS");
    if (status !== 0 || statusOf(await answerTo(socket, packet(OP_VERSION, "", ""))) !== 0) throw NO_MEMCACHED;
  });
}

function packet(opcode: number, key: string, value: string): Buffer {
  const body = Buffer.from(key + value, "utf8");
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(REQUEST, 0);
  header.writeUInt8(opcode, 1);
  header.writeUInt16BE(Buffer.byteLength(key), 2);
  header.writeUInt32BE(body.byteLength, 8);
  return Buffer.concat([header, body]);
}

function statusOf(answer: Buffer | null): number | null {
  if (!answer || answer.byteLength < HEADER_BYTES || answer[0] !== RESPONSE) return null;
  return answer.readUInt16BE(6);
}
