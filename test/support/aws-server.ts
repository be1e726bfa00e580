import { createHash, createHmac } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import type { ConnectorDefinition } from "../../src/catalogue/types.ts";

/** A request as it arrived: target untouched, header names in lower case, values of the same name joined. */
export interface SignedRequest {
  method: string;
  target: string;
  headers: Record<string, string>;
  body: Buffer;
}

export interface AccessKey {
  secretAccessKey: string;
  sessionToken?: string;
  arn: string;
}

const sha256 = (data: string | Buffer) => createHash("sha256").update(data).digest("hex");
const hmac = (key: string | Buffer, data: string) => createHmac("sha256", key).update(data).digest();
const strict = (text: string) =>
  encodeURIComponent(text).replace(/[!'()*]/g, (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`);

export interface Claimed {
  accessKeyId: string;
  date: string;
  region: string;
  service: string;
  signedHeaders: string[];
  signature: string;
}

export function claimedIn(authorization: string): Claimed | null {
  const pattern =
    /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]*)\/([^/]*)\/aws4_request, SignedHeaders=([^,]+), Signature=([0-9a-f]{64})$/;
  const [, accessKeyId, date, region, service, names, signature] = pattern.exec(authorization) ?? [];
  if (signature === undefined) return null;
  return {
    accessKeyId: accessKeyId!,
    date: date!,
    region: region!,
    service: service!,
    signedHeaders: names!.split(";"),
    signature,
  };
}

/** The signature that the request should have, by AWS's own description of it ("Create a signed AWS API request"). */
export function expectedSignature(
  request: SignedRequest,
  { date, region, service, signedHeaders }: Claimed,
  secret: string,
): string {
  const { method, target, headers, body } = request;
  const [path = "/", query = ""] = target.split(/\?(.*)/s);
  const segments = path.split("/");
  // Every service but S3 encodes what is encoded already.
  const canonicalPath = segments.map((part) => strict(service === "s3" ? decodeURIComponent(part) : part)).join("/");
  const pairs = query
    .split("&")
    .filter(Boolean)
    .map((pair) =>
      pair
        .split(/=(.*)/s)
        .slice(0, 2)
        .map((part) => strict(decodeURIComponent(part ?? ""))),
    );
  const sorted = pairs
    .map(([name, value = ""]) => [name!, value] as const)
    .toSorted(([a, x], [b, y]) => (a === b ? (x < y ? -1 : 1) : a < b ? -1 : 1));
  const canonical = [
    method,
    canonicalPath,
    sorted.map((pair) => pair.join("=")).join("&"),
    ...signedHeaders.map((name) => `${name}:${(headers[name] ?? "").trim().replace(/ +/g, " ")}`),
    "",
    signedHeaders.join(";"),
    headers["x-amz-content-sha256"] ?? sha256(body),
  ].join("\n");
  const scope = `${date}/${region}/${service}/aws4_request`;
  const toSign = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, sha256(canonical)].join("\n");
  const key = [region, service, "aws4_request"].reduce(hmac, hmac(`AWS4${secret}`, date));
  return hmac(key, toSign).toString("hex");
}

/** Why AWS would refuse it; null: it would not. */
export function whyRefused(request: SignedRequest, keys: ReadonlyMap<string, AccessKey>): string | null {
  const { headers, body } = request;
  const claimed = claimedIn(headers.authorization ?? "");
  if (!claimed) return "IncompleteSignature";
  const key = keys.get(claimed.accessKeyId);
  if (!key || headers["x-amz-security-token"] !== key.sessionToken) return "InvalidClientTokenId";
  const needed = ["host", ...Object.keys(headers).filter((name) => name.startsWith("x-amz-"))];
  if (needed.some((name) => !claimed.signedHeaders.includes(name))) return "HeadersNotSigned";
  const at = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(headers["x-amz-date"] ?? "")?.slice(1);
  const skew = at ? Date.UTC(+at[0]!, +at[1]! - 1, +at[2]!, +at[3]!, +at[4]!, +at[5]!) - Date.now() : Number.NaN;
  if (!(Math.abs(skew) < 900_000)) return "RequestTimeTooSkewed";
  const hash = headers["x-amz-content-sha256"];
  if (hash === "UNSIGNED-PAYLOAD" ? claimed.service !== "s3" : hash !== undefined && hash !== sha256(body))
    return "XAmzContentSHA256Mismatch";
  return expectedSignature(request, claimed, key.secretAccessKey) === claimed.signature ? null : "SignatureDoesNotMatch";
}

export interface AwsServer extends AsyncDisposable {
  url: string;
  keys: Map<string, AccessKey>;
  seen: (SignedRequest & { refused: string | null; scope: string })[];
  connector(slug: string): ConnectorDefinition;
}

/** A service that verifies every signature, and STS's question who is calling. */
export async function startAwsServer(): Promise<AwsServer> {
  const keys = new Map<string, AccessKey>();
  const seen: AwsServer["seen"] = [];
  const server = createServer(async (incoming, response) => {
    const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
    const request = { method: incoming.method ?? "", target: incoming.url ?? "", headers, body: await buffer(incoming) };
    const refused = whyRefused(request, keys);
    const claimed = claimedIn(headers.authorization ?? "");
    seen.push({ ...request, refused, scope: `${claimed?.service}/${claimed?.region}` });
    const json = (status: number, body: object) =>
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    if (refused) return void json(403, { Error: { Code: refused } });
    if (!request.target.includes("Action=GetCallerIdentity")) return void json(200, { ok: true });
    const { arn } = keys.get(claimed!.accessKeyId)!;
    const GetCallerIdentityResult = { Account: arn.split(":")[4], Arn: arn, UserId: "AIDA" };
    json(200, { GetCallerIdentityResponse: { GetCallerIdentityResult } });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    keys,
    seen,
    connector: (slug) => ({
      slug,
      name: "Cloud",
      description: null,
      kind: "API",
      categories: ["developer-tools"],
      docsUrl: null,
      setupGuide: [],
      schemes: [
        {
          type: "AWS_SIGV4",
          key: "access-key",
          name: "Access key",
          service: "{connection.service|execute-api}",
          region: "{connection.region}",
          fields: [
            { name: "region", label: "Region", type: "STRING", required: true, for: "credential" },
            { name: "service", label: "Service", type: "STRING", for: "credential" },
          ],
        },
      ],
      api: {
        baseUrl: url,
        verification: {
          method: "GET",
          path: "/?Action=GetCallerIdentity&Version=2011-06-15",
          refusedStatus: [401, 403],
          account: {
            id: ["GetCallerIdentityResponse.GetCallerIdentityResult.Account"],
            name: ["GetCallerIdentityResponse.GetCallerIdentityResult.Arn"],
          },
        },
      },
    }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
