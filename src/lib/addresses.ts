import { BlockList, isIP } from "node:net";

type Family = "ipv4" | "ipv6";

export interface AddressRange {
  address: string;
  /** How many of its first bits count. */
  bits: number;
  family: Family;
}

/**
 * An IP address in its one spelling (RFC 5952); `::ffff:a.b.c.d`, in whatever spelling, is the IPv4 address (RFC 4291 section 2.5.5.2).
 * Null for what is no address. One with a zone (fe80::1%eth0) means nothing beyond its own machine: null, too.
 */
export function plainAddress(text: string): string | null {
  const family = isIP(text);
  if (family === 4) return text;
  if (family !== 6 || text.includes("%")) return null;
  const address = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const groups = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(address);
  if (!groups) return address;
  return groups
    .slice(1)
    .map((group) => Number.parseInt(group, 16))
    .flatMap((number) => [number >> 8, number & 255])
    .join(".");
}

/** An address or a CIDR range (RFC 4632), as the operator's lists have them. Null for anything else. */
export function readRange(text: string): AddressRange | null {
  const [given = "", prefix, ...rest] = text.split("/");
  const address = plainAddress(given);
  if (!address || rest.length > 0 || !/^\d{1,3}$/.test(prefix ?? "0")) return null;
  const family = familyOf(address);
  const width = family === "ipv4" ? 32 : 128;
  // The first 96 bits of an IPv4 address that is written as an IPv6 one say no more than that.
  const skipped = family === "ipv4" && given.includes(":") ? 96 : 0;
  const bits = prefix === undefined ? width : Number(prefix) - skipped;
  return bits >= 0 && bits <= width ? { address, bits, family } : null;
}

/** Whether an address, as `plainAddress` spells it, is in one of the ranges. Throws TypeError for what is no range. */
export function addressList(ranges: readonly string[]): (address: string) => boolean {
  // Two lists, because BlockList matches an IPv4 address against IPv6 ranges in its mapped form.
  const lists = { ipv4: new BlockList(), ipv6: new BlockList() };
  for (const text of ranges) {
    const range = readRange(text);
    if (!range) throw new TypeError(`"${text}" is not an address or a CIDR range.`);
    lists[range.family].addSubnet(range.address, range.bits, range.family);
  }
  return (address) => {
    const family = familyOf(address);
    return lists[family].check(address, family);
  };
}

function familyOf(address: string): Family {
  return address.includes(":") ? "ipv6" : "ipv4";
}
