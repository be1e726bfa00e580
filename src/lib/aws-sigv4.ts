/** AWS Signature Version 4, by aws4. */
import { createHash, createHmac } from "node:crypto";
import aws4 from "aws4";

export interface AwsKeys {
  accessKeyId: string;
  secretAccessKey: string;
  /** Of temporary keys. */
  sessionToken?: string;
}

export interface AwsCall {
  method: string;
  host: string;
  /** With the query, as it stands in the request line. */
  path: string;
  /** Names in lower case. */
  headers: Readonly<Record<string, string>>;
  /** Where one is not said, aws4 reads it in the host. */
  service?: string | undefined;
  region?: string | undefined;
}

export const CONTENT_HASH = "x-amz-content-sha256";
/** What each signature sets anew, whatever the caller says. */
const OWN = new Set(["x-amz-date", "x-amz-security-token"]);

/** What a call has to carry beside its own headers to be signed. `hashFor`: the hash of the body for a service, in hex, or what stands for it. */
export function signedHeaders(call: AwsCall, keys: AwsKeys, hashFor: (service: string) => string): Record<string, string> {
  const covered = Object.entries(call.headers).filter(
    ([name]) => name === "content-type" || (name.startsWith("x-amz-") && !OWN.has(name)),
  );
  const headers: Record<string, string> = { ...Object.fromEntries(covered), host: call.host };
  const signer = new Signer({ ...call, headers }, keys);
  // The library would take a body that it hashes for a form: it is given the hash.
  signer.request.headers![CONTENT_HASH] = hashFor(signer.service);
  const signed = Object.entries(signer.sign().headers ?? {}).map(([name, value]) => [name.toLowerCase(), String(value)] as const);
  return Object.fromEntries(signed.filter(([name]) => name === "authorization" || name === CONTENT_HASH || OWN.has(name)));
}

export function hashOf(body: string | Uint8Array | null | undefined): string {
  return createHash("sha256")
    .update(body ?? "")
    .digest("hex");
}

/** The library's own keeps a thousand secrets in a cache, for as long as the process lives. */
class Signer extends aws4.RequestSigner {
  override signature(): string {
    const parts = [this.getDate(), this.region, this.service, "aws4_request"];
    const key = parts.reduce<string | Buffer>(hmac, `AWS4${this.credentials.secretAccessKey}`);
    return hmac(key, this.stringToSign()).toString("hex");
  }
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac("sha256", key).update(text, "utf8").digest();
}
