/**
 * The tests' network is this machine: a socket to anywhere else, and a name that would have to be asked for, fails at once and says
 * who tried. What must fail in a test by itself (a name that does not exist) uses `.invalid`, which this answers with ENOTFOUND.
 */
import dns from "node:dns";
import { syncBuiltinESMExports } from "node:module";
import net from "node:net";

const LOOPBACK = new net.BlockList();
LOOPBACK.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK.addAddress("::1", "ipv6");
LOOPBACK.addSubnet("::ffff:127.0.0.0", 104, "ipv6");

class NetworkOffError extends Error {
  readonly code = "ENETWORKOFF";

  constructor(target: string) {
    super(`The network is off in tests, but for this machine: something tried to reach ${target}.`);
    this.name = "NetworkOffError";
  }
}

function isLocalName(host: string): boolean {
  const family = net.isIP(host);
  if (family) return LOOPBACK.check(host, family === 6 ? "ipv6" : "ipv4");
  return /^(.+\.)?localhost\.?$/.test(host);
}

/** The host that is connected to; null for a unix socket and for a descriptor that is open already. */
function hostOf(args: unknown[]): string | null {
  // net.connect passes its arguments on as one array.
  const [first, second] = Array.isArray(args[0]) ? (args[0] as unknown[]) : args;
  if (typeof first === "object" && first !== null) {
    const options = first as { path?: string; host?: string; port?: unknown };
    return options.path || options.port === undefined ? null : (options.host ?? "localhost");
  }
  if (typeof first === "string" && Number.isNaN(Number(first))) return null;
  return typeof second === "string" ? second : "localhost";
}

function isMissingName(host: string): boolean {
  return host === "invalid" || host.endsWith(".invalid");
}

function refusal(host: string): Error | null {
  if (isLocalName(host) || net.isIP(host)) return null;
  if (!isMissingName(host)) return new NetworkOffError(host);
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: "ENOTFOUND", syscall: "getaddrinfo", hostname: host });
}

type Lookup = (host: string, ...rest: unknown[]) => unknown;

function switchOff(): void {
  const connect = net.Socket.prototype.connect;
  net.Socket.prototype.connect = function (this: net.Socket, ...args: unknown[]) {
    const host = hostOf(args);
    if (host !== null && !isLocalName(host) && !isMissingName(host)) {
      this.destroy(new NetworkOffError(host));
      return this;
    }
    return Reflect.apply(connect, this, args);
  } as typeof connect;

  const lookup = dns.lookup as unknown as Lookup;
  dns.lookup = ((host: string, ...rest: unknown[]) => {
    const error = refusal(host);
    if (!error) return lookup(host, ...rest);
    process.nextTick(rest.at(-1) as (error: Error) => void, error);
  }) as unknown as typeof dns.lookup;

  const lookupPromise = dns.promises.lookup as unknown as Lookup;
  dns.promises.lookup = (async (host: string, ...rest: unknown[]) => {
    const error = refusal(host);
    if (error) throw error;
    return lookupPromise(host, ...rest);
  }) as unknown as typeof dns.promises.lookup;

  syncBuiltinESMExports();
}

/** This runs before every file of a worker, and a worker has one network. */
const DONE = Symbol.for("moorline.network-off");
const here = globalThis as { [DONE]?: true };
if (!here[DONE]) switchOff();
here[DONE] = true;
