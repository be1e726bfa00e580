import { AsyncLocalStorage } from "node:async_hooks";
import dgram from "node:dgram";
import net from "node:net";
import { TLSSocket } from "node:tls";
import { EgressError, egressError } from "./errors.ts";
import { bareHost, type Guard } from "./guard.ts";

/** Everything that a driver opens on the way to one answer: held to the block list, and let go of together. */
export interface SocketScope {
  /** Every socket that `work` connects, now or later, by whatever library, belongs to the scope. */
  run<T>(work: () => T): T;
  /** For work of ours inside it that has a door of its own: `fetch`, whose pool others use too. */
  outside<T>(work: () => T): T;
  /** The first address that was refused (BLOCKED_ADDRESS), or that too much came in (TOO_LARGE), which a driver may have wrapped or swallowed. */
  readonly refusal: EgressError | null;
  /** What broke the first socket that broke, or that a server left without a word (CONNECTION_LOST); null: none did. */
  readonly failure: Error | null;
  /** Aborts with the first refusal: there is no honest way around a forbidden address, nor an end to what has none. */
  readonly refused: AbortSignal;
  /** Ends every socket; none can be opened any more. */
  close(): void;
}

/** Far more than the answer to one harmless question: drivers keep all of what they wait for the end of. */
const MAX_BYTES = 8 * 1024 * 1024;

/** How often it is counted: below the libraries nothing tells of each piece, not without changing who reads the socket. */
const COUNT_EVERY_MS = 25;

interface State {
  guard: Guard;
  sockets: Set<net.Socket>;
  /** Of sockets that are gone. */
  bytesBefore: number;
  counting: NodeJS.Timeout | null;
  refusal: EgressError | null;
  failure: Error | null;
  refused: AbortController;
  closed: boolean;
}

const scopes = new AsyncLocalStorage<State | null>();

export function openSocketScope(guard: Guard): SocketScope {
  const state: State = {
    guard,
    sockets: new Set(),
    bytesBefore: 0,
    counting: null,
    refusal: null,
    failure: null,
    refused: new AbortController(),
    closed: false,
  };
  return {
    run: (work) => scopes.run(state, work),
    outside: (work) => scopes.run(null, work),
    get refusal() {
      return state.refusal;
    },
    get failure() {
      return state.failure;
    },
    refused: state.refused.signal,
    close() {
      state.closed = true;
      if (state.counting) clearInterval(state.counting);
      for (const socket of state.sockets) socket.destroy();
    },
  };
}

function count(state: State): void {
  let bytes = state.bytesBefore;
  for (const socket of state.sockets) bytes += socket.bytesRead;
  if (bytes <= MAX_BYTES) return;
  refuse(state, egressError("TOO_LARGE", "the server", { requestSent: true }));
  for (const socket of state.sockets) socket.destroy();
}

/** One host and port, by name or address, as the socket will connect to it. */
type Target = net.TcpSocketConnectOpts;

/** Where a call of `Socket.connect` goes; null: to a path of this machine's own. `net.connect` hands its arguments on as one array. */
function targetOf(args: readonly unknown[]): Target | null {
  const [first, second] = Array.isArray(args[0]) ? (args[0] as unknown[]) : args;
  if (typeof first === "object" && first !== null) {
    const options = first as Target & { path?: string };
    return options.path || options.port === undefined ? null : options;
  }
  if (typeof first === "string" && Number.isNaN(Number(first))) return null;
  return { port: Number(first), ...(typeof second === "string" && { host: second }) };
}

/** The target with the address checked, or with a look-up that checks what it finds: no second look-up, so nothing to rebind. */
function guarded(state: State, target: Target | null): Target {
  if (state.closed) throw egressError("TIMEOUT", target?.host ?? "The server", { requestSent: false });
  if (!target) throw new EgressError("BLOCKED_ADDRESS", "A local socket is not connected to from here.", { requestSent: false });
  const host = bareHost(target.host ?? "localhost");
  if (net.isIP(host)) state.guard.checkAddress(host, host);
  return { ...target, host, lookup: noting(state, state.guard.lookup) };
}

function noting(state: State, lookup: net.LookupFunction): net.LookupFunction {
  return (host, options, callback) =>
    lookup(host, options, (error, ...found) => {
      if (error instanceof EgressError) refuse(state, error);
      callback(error, ...found);
    });
}

function refuse(state: State, error: EgressError): void {
  if ((error.code !== "BLOCKED_ADDRESS" && error.code !== "TOO_LARGE") || state.refusal) return;
  state.refusal = error;
  state.refused.abort(error);
}

function keep(state: State, socket: net.Socket): void {
  state.sockets.add(socket);
  if (!state.closed) state.counting ??= setInterval(() => count(state), COUNT_EVERY_MS).unref();
  socket.once("close", () => {
    state.sockets.delete(socket);
    state.bytesBefore += socket.bytesRead;
  });
  let securing = socket instanceof TLSSocket;
  socket.once("secureConnect", () => {
    securing = false;
  });
  socket.once("end", () => {
    if (securing) state.failure ??= noTls();
    else if (socket.bytesRead === 0) state.failure ??= egressError("CONNECTION_LOST", "the server", { requestSent: true });
  });
  // A driver that has given up no longer listens: what breaks later must not end the process.
  socket.on("error", (error: NodeJS.ErrnoException) => {
    state.failure ??= securing ? handshakeError(error) : error;
  });
}

/** A server that hangs up in the handshake speaks no TLS. Whether its end or its reset is seen first is chance, and Node has words for one. */
function handshakeError(error: NodeJS.ErrnoException): Error {
  return error.code === "ECONNRESET" || error.code === "EPIPE" ? noTls(error) : error;
}

function noTls(cause?: Error): Error {
  return egressError("TLS_ERROR", "the server", { requestSent: false, cause });
}

// Below every library, TLS included: a TLSSocket is a Socket. Outside a scope nothing changes.
const connect = net.Socket.prototype.connect as (this: net.Socket, ...args: unknown[]) => net.Socket;
net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]): net.Socket {
  const state = scopes.getStore();
  if (!state) return Reflect.apply(connect, this, args);
  keep(state, this);
  try {
    const target = guarded(state, targetOf(args));
    const listener = (Array.isArray(args[0]) ? args[0] : args).findLast((argument) => typeof argument === "function");
    return Reflect.apply(connect, this, listener ? [target, listener] : [target]);
  } catch (error) {
    if (error instanceof EgressError) refuse(state, error);
    return this.destroy(error as Error);
  }
} as typeof net.Socket.prototype.connect;

// No family of ours speaks UDP: nothing proves that a datagram arrived. So a driver that tries is refused.
for (const name of ["bind", "connect", "send"] as const) {
  const original = dgram.Socket.prototype[name] as (this: dgram.Socket, ...args: unknown[]) => unknown;
  const held = function (this: dgram.Socket, ...args: unknown[]): unknown {
    if (!scopes.getStore()) return Reflect.apply(original, this, args);
    throw new EgressError("BLOCKED_ADDRESS", "Datagrams are not sent from here.", { requestSent: false });
  };
  Object.defineProperty(dgram.Socket.prototype, name, { value: held, writable: true, configurable: true });
}
