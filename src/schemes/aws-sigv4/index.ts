/** AWS Signature Version 4, by aws4: nothing that could be used again leaves with a call, and nothing can be said of it before it is known. */
import { createHash, createHmac } from "node:crypto";
import aws4 from "aws4";
import { expand } from "../../catalogue/templates.ts";
import type { ApiDefinition, AwsSigV4SchemeDefinition, ConnectionValues } from "../../catalogue/types.ts";
import { InvalidInputError } from "../../lib/errors.ts";
import { applyToken } from "../oauth2/apply.ts";
import { asFailure, originOf } from "../oauth2/client.ts";
import type { OutboundRequest, SchemeHandler } from "../types.ts";

export const handler: SchemeHandler = {
  name: "AWS Signature Version 4",
  redirects: false,
  holdsTokens: false,
  apply({ scheme, api, values, request }) {
    const shared = applyToken({ own: {}, api, accessToken: null, values, clientId: null });
    if (!request) return shared;
    const call = { ...request, headers: { ...shared.headers, ...request.headers } };
    const signature = sign(call, values, signedFor(scheme as AwsSigV4SchemeDefinition, api, values, request));
    return { ...shared, headers: { ...shared.headers, ...signature } };
  },
};

/** For which service and region; where neither is said, aws4 reads them in the host. */
type SignedFor = { service?: string; region?: string };

function signedFor(
  scheme: AwsSigV4SchemeDefinition,
  api: ApiDefinition | undefined,
  values: ConnectionValues,
  { url }: OutboundRequest,
): SignedFor {
  const isApi = api && new URL(url).origin === originOf({ scheme, values, clientId: "" }, api.baseUrl);
  if (!isApi) return {};
  const fill = (template: string | undefined) =>
    template === undefined ? undefined : asFailure(() => expand(template, { connection: values }));
  return { service: fill(scheme.service), region: fill(scheme.region) };
}

/** What each signature sets anew, whatever the caller says. */
const OWN = new Set(["x-amz-date", "x-amz-security-token"]);
const HASH = "x-amz-content-sha256";
const UNSIGNED = "UNSIGNED-PAYLOAD";

function sign(request: OutboundRequest, values: ConnectionValues, { service, region }: SignedFor): Record<string, string> {
  const { protocol, host } = new URL(request.url);
  const origin = `${protocol}//${host}`;
  // As it stands in the request line: a URL parser would write some of it anew.
  const path = request.url.startsWith(origin) ? request.url.slice(origin.length) || "/" : new URL(request.url).pathname;
  const covered = Object.entries(request.headers ?? {}).filter(
    ([name]) => name === "content-type" || (name.startsWith("x-amz-") && !OWN.has(name)),
  );
  const signer = new Signer(
    { method: request.method, path, service, region, headers: { ...Object.fromEntries(covered), host } },
    {
      accessKeyId: String(values.accessKeyId),
      secretAccessKey: String(values.secretAccessKey),
      ...(values.sessionToken !== undefined && { sessionToken: String(values.sessionToken) }),
    },
  );
  // The library would take a body that it hashes for a form: it is given the hash.
  signer.request.headers![HASH] = hashOf(request, signer.service === "s3" && protocol === "https:");
  const { headers = {} } = signer.sign();
  const added = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), String(value)] as const);
  return Object.fromEntries(added.filter(([name]) => name === "authorization" || name === HASH || OWN.has(name)));
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

/** Of the body; a streamed one is gone when its hash is known, so the caller says it, or where S3 can do without, there is none. */
function hashOf({ body = null, headers }: OutboundRequest, mayBeUnsigned: boolean): string {
  if (body !== "STREAMED")
    return createHash("sha256")
      .update(body ?? "")
      .digest("hex");
  const given = headers?.[HASH];
  if (given !== undefined && /^[0-9a-f]{64}$/.test(given)) return given;
  if (mayBeUnsigned) return UNSIGNED;
  const message = `A body is signed as a whole, and this one is too large for that here: at most 1 MiB, or send its hash as ${HASH}.`;
  throw InvalidInputError.at(["body"], "TOO_LONG", message);
}
