/** AWS Signature Version 4: nothing that could be used again leaves with a call, and nothing can be said of it before it is known. */
import { expand } from "../../catalogue/templates.ts";
import type { AwsSigV4SchemeDefinition, ConnectionValues } from "../../catalogue/types.ts";
import { CONTENT_HASH, hashOf, signedHeaders } from "../../lib/aws-sigv4.ts";
import { InvalidInputError } from "../../lib/errors.ts";
import { applyToken } from "../oauth2/apply.ts";
import { asFailure, originOf } from "../oauth2/client.ts";
import { targetOf } from "../signable-call.ts";
import type { AppliedCredential, ApplyInput, OutboundRequest, SchemeHandler } from "../types.ts";

export const handler: SchemeHandler = {
  name: "AWS Signature Version 4",
  redirects: false,
  holdsTokens: false,
  apply: (input) => applySigned(input, input.values, input.scheme as AwsSigV4SchemeDefinition),
};

/** Templates; where one is not said, it is read in the host. */
type SignedFor = Pick<AwsSigV4SchemeDefinition, "service" | "region">;

/** With `keys`: `accessKeyId`, `secretAccessKey` and, where they are temporary ones, `sessionToken`. Throws Failure. */
export function applySigned(
  { scheme, api, values, request }: Pick<ApplyInput, "scheme" | "api" | "values" | "request">,
  keys: ConnectionValues,
  signedFor: SignedFor,
): AppliedCredential {
  const shared = applyToken({ own: {}, api, accessToken: null, values, clientId: null, request });
  if (!request) return shared;
  const call = { ...request, headers: { ...shared.headers, ...request.headers } };
  const isApi = api && new URL(request.url).origin === originOf({ scheme, values, clientId: "" }, api.baseUrl);
  const fill = (template: string | undefined) =>
    template === undefined ? undefined : asFailure(() => expand(template, { connection: values }));
  // Another call, such as the one that tests: its own host says what it is signed for.
  const { service, region } = isApi ? signedFor : {};
  const signature = sign(call, keys, { service: fill(service), region: fill(region) });
  return { ...shared, headers: { ...shared.headers, ...signature } };
}

/** What a call has to carry beside its own headers to be signed. */
export function sign(request: OutboundRequest, values: ConnectionValues, signedFor: SignedFor): Record<string, string> {
  const { protocol, host } = new URL(request.url);
  const call = { method: request.method, host, path: targetOf(request.url), headers: request.headers ?? {}, ...signedFor };
  const keys = {
    accessKeyId: String(values.accessKeyId),
    secretAccessKey: String(values.secretAccessKey),
    ...(values.sessionToken !== undefined && { sessionToken: String(values.sessionToken) }),
  };
  return signedHeaders(call, keys, (service) => bodyHashOf(request, service === "s3" && protocol === "https:"));
}

/** Of the body; a streamed one is gone when its hash is known, so the caller says it, or where S3 can do without, there is none. */
function bodyHashOf({ body, headers }: OutboundRequest, mayBeUnsigned: boolean): string {
  if (body !== "STREAMED") return hashOf(body);
  const given = headers?.[CONTENT_HASH];
  if (given !== undefined && /^[0-9a-f]{64}$/.test(given)) return given;
  if (mayBeUnsigned) return "UNSIGNED-PAYLOAD";
  const message = `A body is signed as a whole, and this one is too large for that here: at most 1 MiB, or send its hash as ${CONTENT_HASH}.`;
  throw InvalidInputError.at(["body"], "TOO_LONG", message);
}
