import net from "node:net";
import type { ConnectionValues } from "../catalogue/types.ts";
import { type Answer, ask, elementOf, endpointOf, errorCodeOf, judgeAnswer, keysOf } from "./aws-call.ts";
import { textOf } from "./fields.ts";
import { family as http, tlsOf } from "./http.ts";
import { OTHER_KIND } from "./meanings.ts";
import { ProbeError, type ProbeFamily } from "./types.ts";

/** Amazon S3 and every store that speaks its protocol. Lists one object: unlike a HEAD of the bucket, a refusal says why. */
export const family: ProbeFamily = {
  async probe({ values, scheme, fetch }) {
    const region = textOf(values, "region") ?? "us-east-1";
    const url = bucketUrl(values, endpointOf(values, scheme.constants?.endpoint ?? ""));
    url.searchParams.set("list-type", "2");
    url.searchParams.set("max-keys", "1");
    const prefix = textOf(values, "prefix");
    if (prefix) url.searchParams.set("prefix", prefix);
    const call = { url, method: "GET", headers: {}, body: undefined, ...tlsOf(values) };
    const answer = await ask(call, { service: "s3", region }, await keysOf(values, region, fetch), fetch);
    const elsewhere = otherRegion(answer, region);
    if (elsewhere) throw elsewhere;
    judgeAnswer(answer);
    if (!/<ListBucketResult[ >]/.test(answer.text)) throw OTHER_KIND;
  },

  meaningOf: http.meaningOf,
};

/** The bucket in the host, unless asked otherwise, or unless no such host can be: an address, or a certificate that would not fit. */
function bucketUrl(values: ConnectionValues, endpoint: string): URL {
  const url = URL.parse(endpoint);
  if (!url || !/^https?:$/.test(url.protocol)) {
    const words = { message: "The endpoint is not a complete URL.", remedy: "Enter it with https:// or http:// in front." };
    throw new ProbeError("HOST_NOT_FOUND", words);
  }
  const bucket = textOf(values, "bucket") ?? "";
  const isInPath =
    values.forcePathStyle === true ||
    net.isIP(url.hostname.replace(/^\[|\]$/g, "")) !== 0 ||
    (url.protocol === "https:" && bucket.includes("."));
  const path = url.pathname.replace(/\/+$/, "");
  if (!isInPath) url.hostname = `${bucket}.${url.hostname}`;
  url.pathname = isInPath ? `${path}/${encodeURIComponent(bucket)}` : `${path}/`;
  return url;
}

const REDIRECTS = /^(PermanentRedirect|TemporaryRedirect|AuthorizationHeaderMalformed|IllegalLocationConstraintException)$/;

/** The bucket is there, but not where it was asked for. */
function otherRegion(answer: Answer, asked: string): ProbeError | null {
  const said = answer.headers.get("x-amz-bucket-region") ?? elementOf(answer.text, "Region") ?? "";
  const region = /^[a-z0-9-]{1,40}$/.test(said) && said !== asked ? said : null;
  const isRedirect = REDIRECTS.test(errorCodeOf(answer)) || [301, 307].includes(answer.status);
  if (!isRedirect) return null;
  return new ProbeError("RESOURCE_NOT_FOUND", {
    message: "The bucket lies in another region than the one entered.",
    remedy: region
      ? `Enter the region ${region}, and an endpoint of that region where one is entered.`
      : "Enter the bucket's own region.",
  });
}
