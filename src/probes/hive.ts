import type net from "node:net";
import { type ByteReader, createByteReader } from "./bytes.ts";
import { numberOf, textOf } from "./fields.ts";
import { OTHER_KIND } from "./meanings.ts";
import { openSocket } from "./sockets.ts";
import { bool, bytesIn, call, type Encoded, i32, returned, type Struct, struct, structIn, text } from "./thrift.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/**
 * HiveServer2's Thrift service (TCLIService.thrift) over its binary transport: SASL PLAIN and frames, or neither (NOSASL). Spoken here,
 * because the driver that there is waits for ever on a server that hangs up.
 */
export const family: ProbeFamily = {
  async probe({ values }) {
    const mechanism = textOf(values, "authMechanism") ?? "NONE";
    if (mechanism === "KERBEROS") throw NO_KERBEROS;
    const isSasl = mechanism !== "NOSASL";
    const socket = await openSocket({ host: textOf(values, "host") ?? "", port: numberOf(values, "port") ?? 10_000 });
    try {
      const line = { socket, reader: createByteReader(socket), isFramed: isSasl };
      const [user, password] = [textOf(values, "username") ?? "anonymous", textOf(values, "password") ?? "anonymous"];
      if (isSasl) await signIn(line, user, password);
      const session = await openSession(line, user, password);
      await execute(line, session, `USE ${quoted(textOf(values, "database") ?? "default")}`);
      await execute(line, session, "SELECT 1");
      await ask(line, "CloseSession", { 1: session });
    } finally {
      socket.destroy();
    }
  },
};

interface Line {
  socket: net.Socket;
  reader: ByteReader;
  isFramed: boolean;
}

const SASL = { start: 1, ok: 2, complete: 5 };

/** Thrift's own negotiation: a status, a length and as many bytes, each way, until COMPLETE. */
async function signIn({ socket, reader }: Line, user: string, password: string): Promise<void> {
  socket.write(negotiation(SASL.start, "PLAIN"));
  socket.write(negotiation(SASL.ok, `${user}\0${user}\0${password}`));
  for (;;) {
    const head = await reader.read(5);
    const status = head.readUInt8(0);
    if (status < SASL.start || status > SASL.complete) throw OTHER_KIND;
    const said = (await reader.read(head.readInt32BE(1))).toString("utf8");
    if (status === SASL.complete) return;
    if (status !== SASL.ok) throw /mechanism/i.test(said) ? OTHER_MECHANISM : new ProbeError("INVALID_CREDENTIALS");
  }
}

function negotiation(status: number, body: string): Buffer {
  const head = Buffer.from([status, 0, 0, 0, 0]);
  head.writeInt32BE(Buffer.byteLength(body), 1);
  return Buffer.concat([head, Buffer.from(body)]);
}

async function ask({ socket, reader, isFramed }: Line, name: string, request: Record<number, Encoded>): Promise<Struct> {
  const bytes = call(name, struct(request));
  const head = Buffer.alloc(isFramed ? 4 : 0);
  if (isFramed) head.writeInt32BE(bytes.byteLength);
  socket.write(Buffer.concat([head, bytes]));
  if (isFramed) await reader.read(4);
  const answer = await returned(name, reader);
  checkStatus(structIn(answer.fields.get(1)));
  return answer;
}

/** HIVE_CLI_SERVICE_PROTOCOL_V1 to V11 are 0 to 10; a server answers with the lower of its own and this (Hive 1.0's). */
const PROTOCOL = 7;

/** The session's handle, to be sent back as it came. */
async function openSession(line: Line, user: string, password: string): Promise<Encoded> {
  const answer = await ask(line, "OpenSession", { 1: i32(PROTOCOL), 2: text(user), 3: text(password) });
  const { fields } = structIn(structIn(answer.fields.get(3)).fields.get(1));
  return struct({ 1: struct({ 1: text(bytesIn(fields.get(1))), 2: text(bytesIn(fields.get(2))) }) });
}

async function execute(line: Line, session: Encoded, statement: string): Promise<void> {
  await ask(line, "ExecuteStatement", { 1: session, 2: text(statement), 4: bool(false) });
}

/** An identifier in Hive's quotation marks. */
function quoted(name: string): string {
  return `\`${name.replaceAll("`", "``")}\``;
}

const [SUCCESS, SUCCESS_WITH_INFO, STILL_EXECUTING] = [0, 1, 2];
/** Of Hive's ErrorMsg.java. */
const [DATABASE_NOT_EXISTS, ACCESS_DENIED] = [10_072, 40_000];

/** TStatus: 1 the code, 3 the SQL state, 4 the error's number, 5 a text that is not for us to repeat. */
function checkStatus({ fields }: Struct): void {
  const status = fields.get(1);
  if (status === SUCCESS || status === SUCCESS_WITH_INFO || status === STILL_EXECUTING) return;
  const number = fields.get(4);
  const state = fields.has(3) ? bytesIn(fields.get(3)).toString("latin1") : "";
  if (number === DATABASE_NOT_EXISTS) throw NO_DATABASE;
  if (number === ACCESS_DENIED || state === "42501") throw new ProbeError("PERMISSION_DENIED");
  if (state.startsWith("28")) throw new ProbeError("INVALID_CREDENTIALS");
  const said = /^[0-9A-Z]{5}$/.test(state) ? `${Number(number ?? 0)} (${state})` : Number(number ?? 0);
  throw new ProbeError("PROVIDER_ERROR", { message: `The server answered with the error ${said}.` });
}

const NO_DATABASE = new ProbeError("RESOURCE_NOT_FOUND", {
  message: "There is no such database on the server.",
  remedy: "Check the database's name.",
});

const OTHER_MECHANISM = new ProbeError("INVALID_CREDENTIALS", {
  message: "The server wants another way to sign in.",
  remedy: "Choose the authentication mechanism that it is set to (hive.server2.authentication).",
});

const NO_KERBEROS = new ProbeError("NOT_TESTABLE", {
  message: "A sign-in with Kerberos cannot be tested from here.",
  remedy: "Use the credential to see whether it works.",
});
