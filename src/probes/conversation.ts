import type net from "node:net";
import type tls from "node:tls";
import { HUNG_UP } from "./meanings.ts";
import { openSocket, type Place, secured } from "./sockets.ts";
import { ProbeError } from "./types.ts";

/** More than any greeting; a server that goes on and on is none of the kind that was asked for. */
const MAX_BYTES = 64 * 1024;

/** A protocol of texts, each ended by something. */
export interface Conversation {
  say(text: string): void;
  /** What the server writes up to `end`, without it. Throws where it hangs up first. */
  hear(end: string): Promise<string>;
  /** From here on with TLS. */
  secure(options: tls.ConnectionOptions): Promise<void>;
}

/** Talks with a server over one connection, which is gone afterwards. */
export async function converse<T>(place: Place, talk: (conversation: Conversation) => Promise<T>): Promise<T> {
  let line = new Line(await openSocket(place));
  try {
    return await talk({
      say: (text) => line.socket.write(text),
      hear: (end) => line.until(end),
      async secure(options) {
        line = new Line(await secured(line.socket, options));
      },
    });
  } finally {
    line.socket.destroy();
  }
}

class Line {
  readonly socket: net.Socket;
  #text = "";
  #failure: Error | null = null;
  #heard: () => void = () => {};

  constructor(socket: net.Socket) {
    this.socket = socket;
    socket.on("data", (piece) => {
      this.#text += piece.toString("utf8");
      if (this.#text.length > MAX_BYTES) this.#fail(UNKNOWN_ANSWER);
      this.#heard();
    });
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(HUNG_UP));
  }

  async until(end: string): Promise<string> {
    for (;;) {
      const at = this.#text.indexOf(end);
      if (at >= 0) {
        const heard = this.#text.slice(0, at);
        this.#text = this.#text.slice(at + end.length);
        return heard;
      }
      if (this.#failure) throw this.#failure;
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  #fail(error: Error): void {
    this.#failure ??= error;
    this.#heard();
  }
}

export const UNKNOWN_ANSWER = new ProbeError("PROVIDER_ERROR", {
  message: "The answer is not what this kind of server says.",
  remedy: "Check that host, port and TLS setting are those of this kind of server.",
});
