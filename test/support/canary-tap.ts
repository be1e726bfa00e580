import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { Socket } from "node:net";
import { symbols } from "pino";
import type { App } from "../../src/app.ts";

/**
 * Listens to everything that a Moorline of this process says: each byte that it writes to a client, each line that it logs, and whatever
 * is printed beside.
 */
export interface Tap {
  /** What has been said since the last time, by where. */
  take(): Said[];
  /** What `work` is answered over HTTP is kept apart: it may hold secrets. WebSockets stay as strict as ever. */
  aside<Result>(work: () => Promise<Result>): Promise<Result>;
  close(): void;
}

export interface Said {
  where: "log" | "printed" | "answer" | "frame" | "event";
  text: string;
}

interface Line {
  chunks: Buffer[];
  /** A stream says what nobody has asked for just now. */
  kind: "answer" | "frame" | "event";
  /** How much of it has been looked at. */
  taken: number;
}

export function tap(app: App): Tap {
  const port = Number(new URL(app.url).port);
  const lines = new Set<Line>();
  const logged: string[] = [];
  const printed: string[] = [];
  let isAside = false;

  const onSocket = (message: unknown) => {
    const { socket } = message as { socket: Socket };
    if (socket.localPort === port) record(socket);
  };
  function record(socket: Socket): void {
    const line: Line = { chunks: [], kind: "answer", taken: 0 };
    lines.add(line);
    const write = socket.write;
    socket.write = function (this: Socket, chunk: string | Uint8Array, ...rest: unknown[]) {
      const bytes = Buffer.from(chunk as string, typeof rest[0] === "string" ? (rest[0] as BufferEncoding) : "utf8");
      line.kind = kindOf(bytes) ?? line.kind;
      if (line.kind !== "answer" || !isAside) line.chunks.push(bytes);
      return Reflect.apply(write, this, [chunk, ...rest]);
    } as typeof socket.write;
  }
  subscribe("net.server.socket", onSocket);

  const log = app.services.log as unknown as Record<symbol, { write(line: string): void }>;
  const stream = log[symbols.streamSym]!;
  log[symbols.streamSym] = { write: (line) => void logged.push(line) };
  const printers = [process.stdout, process.stderr].map((printer) => {
    const write = printer.write;
    printer.write = function (this: NodeJS.WriteStream, chunk: string | Uint8Array, ...rest: unknown[]) {
      printed.push(Buffer.from(chunk as string).toString("utf8"));
      return Reflect.apply(write, this, [chunk, ...rest]);
    } as typeof printer.write;
    return () => (printer.write = write);
  });

  /** By the head that a chunk begins with; null: it goes on. */
  function kindOf(bytes: Buffer): Line["kind"] | null {
    const head = bytes.subarray(0, 1_024).toString("latin1");
    if (!head.startsWith("HTTP/1.1 ")) return null;
    if (head.startsWith("HTTP/1.1 101")) return "frame";
    return /^content-type: text\/event-stream/im.test(head) ? "event" : "answer";
  }

  /** Together with the chunk before: what is split between two is found. */
  function takeLine(line: Line): Said[] {
    const fresh = line.chunks.slice(Math.max(0, line.taken - 1));
    const isNew = line.chunks.length > line.taken;
    line.taken = line.chunks.length;
    return isNew ? [{ where: line.kind, text: Buffer.concat(fresh).toString("latin1") }] : [];
  }

  return {
    take() {
      const said = [...lines].flatMap(takeLine);
      said.push(...logged.splice(0).map((text): Said => ({ where: "log", text })));
      said.push(...printed.splice(0).map((text): Said => ({ where: "printed", text })));
      return said;
    },
    async aside(work) {
      isAside = true;
      try {
        return await work();
      } finally {
        isAside = false;
      }
    },
    close() {
      unsubscribe("net.server.socket", onSocket);
      log[symbols.streamSym] = stream;
      for (const restore of printers) restore();
    },
  };
}
