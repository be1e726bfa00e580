import dns from "node:dns";
import type net from "node:net";
import { addressList, plainAddress } from "../lib/addresses.ts";
import { egressError } from "./errors.ts";

/** IANA's IPv4 special-purpose registry (RFC 6890 and its successors): whatever is not a public unicast address. */
const BLOCKED_IPV4 = [
  "0.0.0.0/8", // this network
  "10.0.0.0/8", // private (RFC 1918)
  "100.64.0.0/10", // carrier-grade NAT (RFC 6598)
  "127.0.0.0/8", // loopback
  "168.63.129.16/32", // public by its number, but the inside of one large cloud
  "169.254.0.0/16", // link-local, metadata services
  "172.16.0.0/12", // private
  "192.0.0.0/24", // protocol assignments
  "192.0.2.0/24", // documentation
  "192.88.99.0/24", // 6to4 relays
  "192.168.0.0/16", // private
  "198.18.0.0/15", // benchmarks
  "198.51.100.0/24", // documentation
  "203.0.113.0/24", // documentation
  "224.0.0.0/4", // multicast
  "240.0.0.0/4", // reserved, broadcast
];

/**
 * IPv6: only 2000::/3 is global unicast, so the rest goes in three strokes (loopback, mapped and translated IPv4, unique local,
 * link-local, multicast among it), and of 2000::/3 what is no host's or carries an IPv4 address inside.
 */
const BLOCKED_IPV6 = [
  "::/3", // ::1, ::ffff:0:0/96, 64:ff9b::/96 and 64:ff9b:1::/48 (NAT64), 100::/64
  "4000::/2",
  "8000::/1", // fc00::/7, fe80::/10, ff00::/8
  "2001::/23", // Teredo, ORCHID and other protocol assignments
  "2001:db8::/32", // documentation
  "2002::/16", // 6to4
  "3fff::/20", // documentation (RFC 9637)
];

/** A door to one host and port, by the URL's spelling of the host, whatever its address. */
export interface ExactTarget {
  host: string;
  port: number;
}

export interface GuardOptions {
  /** Addresses and CIDR ranges that are reachable although they are not public. */
  allow: readonly string[];
  exact?: readonly ExactTarget[];
}

export interface Guard {
  /** True for an `exact` target. */
  isExact(host: string, port: number): boolean;
  /** Throws an EgressError (BLOCKED_ADDRESS) where `address`, an IP address, is not to be reached. */
  checkAddress(address: string, host: string): void;
  /** Resolves a name and hands on its addresses if every one of them may be reached: no second look-up, so nothing to rebind. */
  lookup: net.LookupFunction;
}

export function createGuard(options: GuardOptions): Guard {
  const blocked = addressList([...BLOCKED_IPV4, ...BLOCKED_IPV6]);
  const allowed = addressList(options.allow);
  const exact = new Set((options.exact ?? []).map(({ host, port }) => targetKey(host, port)));

  function checkAddress(address: string, host: string): void {
    const plain = plainAddress(address);
    if (plain && (allowed(plain) || !blocked(plain))) return;
    throw egressError("BLOCKED_ADDRESS", host, { requestSent: false });
  }

  return {
    isExact: (host, port) => exact.has(targetKey(host, port)),
    checkAddress,
    lookup(hostname, lookupOptions, callback) {
      dns.lookup(hostname, { ...lookupOptions, all: true }, (error, addresses) => {
        const failure = error ?? firstRefusal(addresses, (address) => checkAddress(address, hostname));
        if (failure) return callback(failure, "", 0);
        const first = addresses[0];
        if (lookupOptions.all) callback(null, addresses);
        else callback(null, first?.address ?? "", first?.family ?? 0);
      });
    },
  };
}

/** One private address among public ones is no accident to connect around: the name as a whole is refused. */
function firstRefusal(addresses: dns.LookupAddress[], check: (address: string) => void): Error | null {
  if (addresses.length === 0) return Object.assign(new Error("no address"), { code: "ENOTFOUND" });
  try {
    for (const { address } of addresses) check(address);
    return null;
  } catch (error) {
    return error as Error;
  }
}

/** Without the brackets of an IPv6 literal and the root's dot, in small letters. */
export function bareHost(host: string): string {
  const name = host.startsWith("[") ? host.slice(1, -1) : host;
  return name.replace(/\.$/, "").toLowerCase();
}

function targetKey(host: string, port: number): string {
  return `${bareHost(host)} ${port}`;
}
