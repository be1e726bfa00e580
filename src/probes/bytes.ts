import type net from "node:net";
import { HUNG_UP } from "./meanings.ts";
import { ProbeError } from "./types.ts";

/** More than any message of a login; a server that announces more is none of the kind that was asked for. */
const MAX_BYTES = 256 * 1024;

/** What arrives over a connection, so many bytes at a time. */
export interface ByteReader {
  /** Rejects with what broke the connection where it ends before. */
  read(count: number): Promise<Buffer>;
  /** Whether something lies there unread. */
  hasMore(): boolean;
}

export function createByteReader(socket: net.Socket): ByteReader {
  let pending = Buffer.alloc(0);
  let failure: Error | null = null;
  let changed = () => {};
  const fail = (error: Error) => {
    failure ??= error;
    changed();
  };
  socket.on("data", (piece: Buffer) => {
    pending = Buffer.concat([pending, piece]);
    if (pending.byteLength > MAX_BYTES) socket.pause();
    changed();
  });
  socket.on("error", fail);
  socket.on("end", () => fail(HUNG_UP));
  socket.on("close", () => fail(HUNG_UP));
  return {
    hasMore: () => pending.byteLength > 0,
    async read(count) {
      if (count < 0 || count > MAX_BYTES) throw NOT_THIS_KIND;
      while (pending.byteLength < count) {
        if (failure) throw failure;
        await new Promise<void>((resolve) => {
          changed = resolve;
        });
      }
      const found = pending.subarray(0, count);
      pending = pending.subarray(count);
      if (socket.isPaused() && pending.byteLength < MAX_BYTES) socket.resume();
      return found;
    },
  };
}

const NOT_THIS_KIND = new ProbeError("PROVIDER_ERROR", {
  message: "The answer is not what this kind of server says.",
  remedy: "Check that host, port and TLS setting are those of this kind of server.",
});
