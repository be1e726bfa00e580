import type { WebSocket } from "ws";
import type { OriginVerdict } from "./cors.ts";
import type { Face } from "./options.ts";
import type { Lease } from "./token-watch.ts";

/** Close codes that are ours to send (RFC 6455 section 7.4, graphql-transport-ws, and the contract's own). */
export const CLOSE = {
  goingAway: 1001,
  badRequest: 4400,
  /** The token has ended, or never was one: get a new one and subscribe again. */
  tokenEnded: 4401,
  forbidden: 4403,
  /** Too slow or too much: subscribe again, nothing is lost. */
  tooMuch: 4429,
  internal: 4500,
} as const;

/** What is kept for each socket. */
export interface SocketState {
  readonly socket: WebSocket;
  readonly verdict: OriginVerdict;
  readonly ip: string | null;
  /** The language in which the client reads, where it is one of ours; `connectionParams.locale` counts before it. */
  readonly locale: string | null;
  /** The cookies it was opened with, where they may count: until the socket has said which session it means. */
  cookies: Record<string, string> | null;
  lease: Lease | null;
  /** Queries and mutations not answered yet. */
  pending: number;
  /** Bytes that waited for the client at the last look, and since when it has read none of them; 0: nothing waits. */
  waiting: number;
  slowSince: number;
  /** When it is pinged next, and whether the last ping was answered. */
  pingAt: number;
  alive: boolean;
}

/** What is kept of the request that opened it. */
export type Opening = Pick<SocketState, "verdict" | "ip" | "cookies" | "locale">;

export interface Sockets {
  add(socket: WebSocket, opening: Opening): SocketState;
  remove(state: SocketState): void;
  /** Resolves when the message is on its way: at once as a rule, later where the client reads slowly. */
  send(state: SocketState, data: string): Promise<void> | void;
  size(): number;
  close(drainMs: number): Promise<void>;
}

const SWEEP_MS = 250;
/** Below this much unsent data a producer isn't made to wait. */
const LOW_WATER_BYTES = 64 * 1024;
/** How long a closing socket may take before it is cut. */
const CLOSE_MS = 5_000;

/** One sweep for all sockets instead of timers for each: ten thousand idle ones must stay cheap. */
export function createSockets(face: Face): Sockets {
  const all = new Set<SocketState>();
  const { bufferedBytes, slowMs, keepAliveMs } = face.limits;
  let sweep: NodeJS.Timeout | null = null;
  let closing = false;

  function add(socket: WebSocket, opening: Opening): SocketState {
    const pingAt = performance.now() + keepAliveMs * (0.5 + Math.random() / 2);
    const state: SocketState = { socket, ...opening, lease: null, pending: 0, waiting: 0, slowSince: 0, pingAt, alive: true };
    socket.on("error", ignore);
    socket.on("pong", () => {
      state.alive = true;
    });
    all.add(state);
    sweep ??= setInterval(look, SWEEP_MS).unref();
    return state;
  }

  function remove(state: SocketState): void {
    state.lease?.release();
    all.delete(state);
    if (all.size > 0 || !sweep) return;
    clearInterval(sweep);
    sweep = null;
  }

  function look(): void {
    const now = performance.now();
    for (const state of all) {
      if (state.socket.readyState !== state.socket.OPEN) continue;
      if (closing && state.pending === 0) state.socket.close(CLOSE.goingAway, "Going away");
      else if (isTooSlow(state, now)) giveUp(state);
      else if (now >= state.pingAt) ping(state, now);
    }
  }

  function isTooSlow(state: SocketState, now: number): boolean {
    const waiting = state.socket.bufferedAmount;
    const reads = waiting === 0 || waiting < state.waiting;
    state.waiting = waiting;
    if (reads) state.slowSince = 0;
    else state.slowSince ||= now;
    return waiting > bufferedBytes || (!reads && now - state.slowSince > slowMs);
  }

  /** The close frame stands behind what the client doesn't read, so the line is cut soon after. */
  function giveUp(state: SocketState): void {
    state.socket.close(CLOSE.tooMuch, "Reading too slowly");
    setTimeout(() => state.socket.terminate(), CLOSE_MS).unref();
  }

  function ping(state: SocketState, now: number): void {
    if (!state.alive) {
      state.socket.terminate();
      return;
    }
    state.alive = false;
    state.pingAt = now + keepAliveMs;
    state.socket.ping();
  }

  function send({ socket }: SocketState, data: string): Promise<void> | void {
    if (socket.readyState !== socket.OPEN) return;
    if (socket.bufferedAmount < LOW_WATER_BYTES) {
      socket.send(data, ignore);
      return;
    }
    return new Promise((resolve) => socket.send(data, () => resolve()));
  }

  async function close(drainMs: number): Promise<void> {
    closing = true;
    const until = performance.now() + drainMs;
    look();
    while (all.size > 0 && performance.now() < until) await new Promise((resolve) => setTimeout(resolve, 20));
    for (const state of all) state.socket.terminate();
  }

  return { add, remove, send, size: () => all.size, close };
}

function ignore(): void {}
