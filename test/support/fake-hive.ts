import { once } from "node:events";
import { createRequire } from "node:module";
import net, { type AddressInfo } from "node:net";

/**
 * HiveServer2's service, made by Apache Thrift's own library from Hive's own interface, with a handler that knows `ada` with `correct horse`,
 * the databases `default` and `shop`, and the statements of a test. SASL PLAIN is negotiated here.
 */
export interface FakeHive {
  port: number;
  /** The statements that were run. */
  statements: string[];
  close(): Promise<void>;
}

export type HiveMechanism = "NONE" | "NOSASL" | "LDAP" | "KERBEROS";

// biome-ignore lint/suspicious/noExplicitAny: neither says its types.
const load = createRequire(import.meta.url) as (name: string) => any;
const thrift = load("thrift");
const { TCLIService, TCLIService_types: types } = load("hive-driver").thrift;

export async function startFakeHive(mechanism: HiveMechanism, refusal?: object): Promise<FakeHive> {
  const statements: string[] = [];
  const processor = new TCLIService.Processor(handler(statements, refusal));
  const sockets = new Set<net.Socket>();
  const server = net.createServer(async (socket) => {
    sockets.add(socket);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket));
    const isSasl = mechanism !== "NOSASL";
    const rest = isSasl ? await negotiated(socket, mechanism) : Buffer.alloc(0);
    if (rest) serve(socket, processor, isSasl ? thrift.TFramedTransport : thrift.TBufferedTransport, rest);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    statements,
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

interface Processor {
  process(input: unknown, output: unknown): void;
}

type Received = (bytes: Buffer) => void;

interface TransportKind {
  new (bytes: undefined, flushed: Received): object;
  receiver(heard: (transport: { rollbackPosition(): void }) => void): Received;
}

function serve(socket: net.Socket, processor: Processor, Transport: TransportKind, rest: Buffer): void {
  const receive = Transport.receiver((transport) => {
    const input = new thrift.TBinaryProtocol(transport, true);
    const output = new thrift.TBinaryProtocol(new Transport(undefined, (bytes: Buffer) => socket.write(bytes)));
    try {
      processor.process(input, output);
    } catch (error) {
      // More is on its way, or it is no Thrift.
      if ((error as Error).name !== "InputBufferUnderrunError") return socket.destroy();
      transport.rollbackPosition();
    }
  });
  if (rest.byteLength > 0) receive(rest);
  socket.on("data", receive);
}

const [START, OK, BAD, ERROR, COMPLETE] = [1, 2, 3, 4, 5];

/** What follows the login; null: there was none. */
async function negotiated(socket: net.Socket, mechanism: HiveMechanism): Promise<Buffer | null> {
  const say = (status: number, body = "") => {
    const head = Buffer.from([status, 0, 0, 0, body.length]);
    socket.write(Buffer.concat([head, Buffer.from(body)]));
  };
  let pending = Buffer.alloc(0);
  let isBegun = false;
  for await (const piece of socket.iterator({ destroyOnReturn: false })) {
    pending = Buffer.concat([pending, piece as Buffer]);
    while (pending.byteLength >= 5 && pending.byteLength >= 5 + pending.readUInt32BE(1)) {
      const [status, end] = [pending[0], 5 + pending.readUInt32BE(1)];
      const body = pending.toString("utf8", 5, end);
      pending = pending.subarray(end);
      if (status === START && body === "PLAIN" && !isBegun && mechanism !== "KERBEROS") isBegun = true;
      else if (status === OK && isBegun) {
        const [, user, password] = body.split("\0");
        const isKnown = mechanism === "NONE" || (user === "ada" && password === "correct horse");
        say(isKnown ? COMPLETE : ERROR, isKnown ? "" : "no secret of the server's");
        return isKnown ? pending : null;
      } else {
        say(BAD, "Unsupported mechanism type PLAIN");
        return null;
      }
    }
    if (pending.byteLength >= 5 && pending.readUInt32BE(1) > 65_536) break;
  }
  socket.destroy();
  return null;
}

interface Request {
  username?: string;
  client_protocol?: number;
  statement?: string;
  sessionHandle?: { sessionId: { guid: Buffer; secret: Buffer } };
}

type Done = (error: unknown, result: object) => void;

function handler(statements: string[], refusal: object | undefined) {
  const fine = new types.TStatus({ statusCode: types.TStatusCode.SUCCESS_STATUS });
  const handle = { guid: Buffer.from("0123456789abcdef"), secret: Buffer.from("fedcba9876543210") };
  const failed = (sqlState: string, errorCode: number) =>
    new types.TStatus({
      statusCode: types.TStatusCode.ERROR_STATUS,
      sqlState,
      errorCode,
      errorMessage: "no secret of the server's",
    });
  const isOurs = ({ sessionHandle }: Request) =>
    sessionHandle !== undefined &&
    handle.guid.equals(sessionHandle.sessionId.guid) &&
    handle.secret.equals(sessionHandle.sessionId.secret);
  return {
    OpenSession(request: Request, done: Done) {
      const status = request.username ? fine : failed("08S01", 0);
      const sessionHandle = new types.TSessionHandle({ sessionId: new types.THandleIdentifier(handle) });
      const serverProtocolVersion = request.client_protocol;
      done(null, new types.TOpenSessionResp({ status, serverProtocolVersion, sessionHandle, configuration: { "hive.x": "y" } }));
    },
    ExecuteStatement(request: Request, done: Done) {
      const { statement = "" } = request;
      statements.push(statement);
      const isKnown = ["USE `default`", "USE `shop`", "SELECT 1"].includes(statement) && isOurs(request);
      const status = refusal ? new types.TStatus({ statusCode: 3, ...refusal }) : isKnown ? fine : failed("42000", 10_072);
      const operationId = new types.THandleIdentifier(handle);
      const operationHandle = new types.TOperationHandle({ operationId, operationType: 0, hasResultSet: true });
      done(null, new types.TExecuteStatementResp({ status, ...(status === fine && { operationHandle }) }));
    },
    CloseSession(request: Request, done: Done) {
      done(null, new types.TCloseSessionResp({ status: isOurs(request) ? fine : failed("HY000", 0) }));
    },
  };
}
