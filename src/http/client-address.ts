import type { IncomingMessage } from "node:http";
import type { Socket } from "node:net";
import { addressList, plainAddress } from "../lib/addresses.ts";

/**
 * Whose request it is: what limits count by and the audit log names. The socket's address; where that is a trusted proxy's
 * (MOORLINE_TRUSTED_PROXIES), what the proxy says in `X-Forwarded-For`. Each proxy appends the address that it was reached from, and
 * whatever stands before may be made up: so the list is read from its end, up to the first address that is no trusted proxy's, or that a
 * proxy could not tell. RFC 7239's `Forwarded` is not read: where a proxy writes the one header, the other one is the client's own. Nor
 * are `X-Forwarded-Host` and `-Proto`: host and scheme are the public URL's. Null: the client has gone.
 */
export function createClientAddress(trustedProxies: readonly string[]): (request: IncomingMessage) => string | null {
  const isTrusted = addressList(trustedProxies);
  return ({ socket, headers }) => {
    const { remoteAddress } = socket;
    if (remoteAddress === undefined) return null;
    const peer = plainAddress(remoteAddress);
    // A link-local one, with its zone.
    if (peer === null) return remoteAddress;
    return isTrusted(peer) ? forwardedFor(headers["x-forwarded-for"], peer, isTrusted) : peer;
  };
}

/** Node has joined several header lines in their order. */
function forwardedFor(header: string | string[] | undefined, peer: string, isTrusted: (address: string) => boolean): string {
  let client = peer;
  // Empty elements of a list mean nothing (RFC 9110 section 5.6.1).
  const entries = String(header ?? "")
    .split(",")
    .filter((entry) => entry.trim());
  while (isTrusted(client)) {
    const next = addressIn(entries.pop() ?? "");
    if (next === null) break;
    client = next;
  }
  return client;
}

/** `203.0.113.7`, `203.0.113.7:5678`, `2001:db8::7`, `[2001:db8::7]`, `[2001:db8::7]:5678`; null for `unknown` and the like. */
function addressIn(entry: string): string | null {
  const text = entry.trim();
  const [, bare = text] = /^\[(.+?)\](?::\d{1,5})?$/.exec(text) ?? /^([\d.]+):\d{1,5}$/.exec(text) ?? [];
  return plainAddress(bare);
}

/**
 * What a limit counts an address by. An IPv6 one by its /64, which is one network (RFC 4291 section 2.5.4): whoever has one has 2^64
 * addresses to try from.
 */
export function limitKey(address: string | null): string {
  const [bare = ""] = (address ?? "").split("%");
  const plain = plainAddress(bare);
  if (!plain?.includes(":")) return bare;
  const [before = [], after = []] = plain.split("::").map((half) => half.split(":").filter(Boolean));
  const groups = [...before, ...Array<string>(8 - before.length - after.length).fill("0"), ...after];
  return `${groups.slice(0, 4).join(":")}::/64`;
}

/**
 * A socket knows its other end as long as that is there, and remembers it once asked. Asked at once, so that nobody who sends a request and
 * resets the connection leaves a nameless line in the audit log; whoever has gone already is not served.
 */
export function rememberAddress(socket: Socket): void {
  if (socket.remoteAddress === undefined) socket.destroy();
}
