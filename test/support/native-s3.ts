import { createServer as createPlain, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createSecure } from "node:https";
import type { AddressInfo } from "node:net";
import { type AccessKey, claimedIn, whyRefused } from "./aws-server.ts";

export interface Bucket {
  region: string;
  /** Keys that may not list it. */
  closedTo?: string[];
}

export interface NativeS3 {
  port: number;
  url: string;
  keys: Map<string, AccessKey>;
  buckets: Map<string, Bucket>;
  /** Every call that was let in, as `host target`. */
  seen: string[];
  close(): Promise<void>;
}

/** A store that speaks S3's protocol as far as listing goes, and verifies signatures by AWS's own description of them. */
export async function startNativeS3(certificate?: { key: string; cert: string }): Promise<NativeS3> {
  const listener = (request: IncomingMessage, response: ServerResponse) => answer(s3, request, response);
  const server = certificate ? createSecure(certificate, listener) : createPlain(listener);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const s3: NativeS3 = {
    port,
    url: `${certificate ? "https" : "http"}://localhost:${port}`,
    keys: new Map(),
    buckets: new Map(),
    seen: [],
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return s3;
}

interface Answer {
  status: number;
  region?: string;
  body: string;
}

function refusal(status: number, code: string, region?: string): Answer {
  const told = region && code === "AuthorizationHeaderMalformed" ? `<Region>${region}</Region>` : "";
  const body = `<?xml version="1.0"?><Error><Code>${code}</Code><Message>&lt;b&gt;</Message>${told}</Error>`;
  return { status, body, ...(region && { region }) };
}

const EMPTY = `<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><KeyCount>0</KeyCount></ListBucketResult>`;

function decided(s3: NativeS3, incoming: IncomingMessage): Answer {
  const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
  const target = incoming.url ?? "";
  const why = whyRefused({ method: incoming.method ?? "", target, headers, body: Buffer.alloc(0) }, s3.keys);
  if (why) return refusal(403, why === "InvalidClientTokenId" ? "InvalidAccessKeyId" : why);
  const { accessKeyId, region, service } = claimedIn(headers.authorization ?? "")!;
  if (service !== "s3") return refusal(400, "AuthorizationHeaderMalformed");
  const url = new URL(target, "http://here");
  const isInPath = /^(localhost|127\.0\.0\.1|s3\.)/.test(headers.host ?? "");
  const name = isInPath ? decodeURIComponent(url.pathname.split("/")[1] ?? "") : headers.host!.split(".")[0]!;
  const bucket = s3.buckets.get(name);
  if (!bucket) return refusal(404, "NoSuchBucket");
  if (bucket.region !== region)
    return isInPath
      ? refusal(301, "PermanentRedirect", bucket.region)
      : refusal(400, "AuthorizationHeaderMalformed", bucket.region);
  if (bucket.closedTo?.includes(accessKeyId)) return refusal(403, "AccessDenied");
  s3.seen.push(`${headers.host} ${url.pathname} ${[...url.searchParams].map((pair) => pair.join("=")).join("&")}`);
  return { status: 200, body: `<?xml version="1.0"?>${EMPTY}` };
}

function answer(s3: NativeS3, incoming: IncomingMessage, response: ServerResponse): void {
  const { status, region, body } = decided(s3, incoming);
  response.writeHead(status, { "content-type": "application/xml", ...(region && { "x-amz-bucket-region": region }) });
  response.end(body);
}
