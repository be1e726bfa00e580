import { connect, type Socket } from "node:net";

/**
 * As little HTTP/1.1 as a load generator needs (RFC 9112): one request at a time on each kept-alive connection, answers with a
 * Content-Length. Nothing else, so that the client isn't what is measured.
 */
export interface Connection {
  /** Sends a whole request; resolves to the whole answer's body. Rejects unless the status is 200. */
  send(request: Buffer): Promise<Buffer>;
  close(): void;
}

export function requestBytes(url: URL, method: "GET" | "POST", headers: Record<string, string>, body = ""): Buffer {
  const lines = [`${method} ${url.pathname}${url.search} HTTP/1.1`, `host: ${url.host}`];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (body) lines.push(`content-length: ${Buffer.byteLength(body)}`);
  return Buffer.from(`${lines.join("\r\n")}\r\n\r\n${body}`);
}

export async function openConnection(url: URL): Promise<Connection> {
  const socket = connect({ port: Number(url.port), host: "127.0.0.1", noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  return attach(socket);
}

function attach(socket: Socket): Connection {
  let waiting: { resolve(body: Buffer): void; reject(error: Error): void } | null = null;
  let buffered: Buffer = Buffer.alloc(0);

  function fail(error: Error): void {
    waiting?.reject(error);
    waiting = null;
  }

  socket.on("data", (chunk: Buffer) => {
    buffered = buffered.length === 0 ? chunk : Buffer.concat([buffered, chunk]);
    const answer = readAnswer(buffered);
    if (!answer || !waiting) return;
    const { resolve, reject } = waiting;
    waiting = null;
    buffered = buffered.subarray(answer.length);
    if (answer.status === 200) resolve(answer.body);
    else reject(new Error(`The server answered ${answer.status}: ${answer.body.toString("utf8", 0, 500)}`));
  });
  socket.on("error", fail);
  socket.on("close", () => fail(new Error("The server closed the connection.")));

  return {
    send: (request) =>
      new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(request);
      }),
    close: () => socket.destroy(),
  };
}

/** Null until all of it is there. */
function readAnswer(bytes: Buffer): { status: number; body: Buffer; length: number } | null {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return null;
  const head = bytes.toString("latin1", 0, end);
  const size = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (size === undefined) throw new Error(`An answer without Content-Length: ${head}`);
  const length = end + 4 + Number(size);
  if (bytes.length < length) return null;
  return { status: Number(head.slice(9, 12)), body: bytes.subarray(end + 4, length), length };
}
