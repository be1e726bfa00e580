/** How Azure's services want to be shown that somebody holds a key, each in its way. */
import { createHmac } from "node:crypto";
import { ProbeError } from "./types.ts";

function hmac(key: string | Buffer, text: string): string {
  return createHmac("sha256", key).update(text, "utf8").digest("base64");
}

/** Keys of storage and Cosmos DB accounts are base64 of 64 bytes. */
function decodedKey(key: string): Buffer {
  const bytes = Buffer.from(key, "base64");
  if (bytes.length >= 32 && /^[A-Za-z0-9+/]+={0,2}$/.test(key)) return bytes;
  throw new ProbeError("INVALID_CREDENTIALS", {
    message: "The account key is not complete: it is a base64 text of some 88 characters.",
    remedy: "Copy one of the account's keys as a whole.",
  });
}

/** "Authorize with Shared Key", for a request that has no body; `headers` without what is added here. */
export function sharedKey(
  { account, key }: { account: string; key: string },
  { url, method, headers }: { url: URL; method: string; headers: Record<string, string> },
): Record<string, string> {
  const all: Record<string, string> = { ...headers, "x-ms-date": new Date().toUTCString() };
  const named = (prefix: string) => Object.keys(all).filter((name) => name.startsWith(prefix));
  const own = named("x-ms-")
    .sort()
    .map((name) => `${name}:${all[name]}\n`);
  const parameters = [...url.searchParams].map(([name, value]) => `\n${name.toLowerCase()}:${value}`).sort();
  // Eleven standard headers stand between the method and Microsoft's own: none of them is sent, and the date is among the latter.
  const text = `${method}\n${"\n".repeat(11)}${own.join("")}/${account}${url.pathname}${parameters.join("")}`;
  return { ...all, authorization: `SharedKey ${account}:${hmac(decodedKey(key), text)}` };
}

/** "Access control in Azure Cosmos DB": what the path names, by its kind. */
export function masterKey(key: string, { url, method, headers }: { url: URL; method: string; headers: Record<string, string> }) {
  const date = new Date().toUTCString();
  const link = decodeURIComponent(url.pathname.slice(1));
  const kind = link.split("/")[0] ?? "";
  const signature = hmac(decodedKey(key), `${method.toLowerCase()}\n${kind}\n${link}\n${date.toLowerCase()}\n\n`);
  return { ...headers, "x-ms-date": date, authorization: encodeURIComponent(`type=master&ver=1.0&sig=${signature}`) };
}

const LIFETIME_SECONDS = 300;

/** A token of Service Bus for one address, by one of the policies there or above. */
export function sharedAccess({ name, key }: { name: string; key: string }, address: string): string {
  const resource = encodeURIComponent(address);
  const expiry = Math.floor(Date.now() / 1000) + LIFETIME_SECONDS;
  const signature = encodeURIComponent(hmac(key, `${resource}\n${expiry}`));
  return `SharedAccessSignature sr=${resource}&sig=${signature}&se=${expiry}&skn=${encodeURIComponent(name)}`;
}
