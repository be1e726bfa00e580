/** Calls to AWS, and to whatever takes its signature, and what their answers mean. */
import { expand } from "../catalogue/templates.ts";
import type { ConnectionValues } from "../catalogue/types.ts";
import { type AwsKeys, hashOf, signedHeaders } from "../lib/aws-sigv4.ts";
import type { TestCode } from "../lib/errors.ts";
import { textOf } from "./fields.ts";
import { type Call, parsed } from "./http.ts";
import { CLOCK } from "./meanings.ts";
import { ProbeError, type ProbeInput } from "./types.ts";

export interface Answer {
  status: number;
  headers: Headers;
  text: string;
}

type Fetch = ProbeInput["fetch"];
type SignedFor = { service: string; region: string };

/** The address that was typed, or the service's own, which `template` says. */
export function endpointOf(values: ConnectionValues, template: string): string {
  const typed = textOf(values, "endpoint");
  if (typed) return typed;
  const own = expand(template, { connection: values });
  // The partition of China has names of its own.
  return own.endsWith(".amazonaws.com") && textOf(values, "region")?.startsWith("cn-") ? `${own}.cn` : own;
}

/** What was typed, or, with a role, what the role's temporary keys are. */
export async function keysOf(values: ConnectionValues, region: string, fetch: Fetch): Promise<AwsKeys> {
  const sessionToken = textOf(values, "sessionToken");
  const own = {
    accessKeyId: textOf(values, "accessKeyId") ?? "",
    secretAccessKey: textOf(values, "secretAccessKey") ?? "",
    ...(sessionToken && { sessionToken }),
  };
  const roleArn = textOf(values, "roleArn");
  return roleArn ? assumed(own, { roleArn, externalId: textOf(values, "externalId") }, region, fetch) : own;
}

/** AssumeRole of the Security Token Service. */
async function assumed(
  own: AwsKeys,
  { roleArn, externalId }: { roleArn: string; externalId: string | undefined },
  region: string,
  fetch: Fetch,
): Promise<AwsKeys> {
  const form = new URLSearchParams({
    Action: "AssumeRole",
    Version: "2011-06-15",
    RoleArn: roleArn,
    RoleSessionName: "moorline-test",
    DurationSeconds: "900",
    ...(externalId && { ExternalId: externalId }),
  });
  const call: Call = {
    url: new URL(endpointOf({ region }, "https://sts.{connection.region}.amazonaws.com")),
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: form.toString(),
  };
  const answer = await ask(call, { service: "sts", region }, own, fetch);
  if (errorCodeOf(answer) === "AccessDenied") throw NOT_ASSUMED;
  judgeAnswer(answer);
  const [accessKeyId, secretAccessKey, sessionToken] = ["AccessKeyId", "SecretAccessKey", "SessionToken"].map((name) =>
    elementOf(answer.text, name),
  );
  if (!accessKeyId || !secretAccessKey || !sessionToken) throw new ProbeError("PROVIDER_ERROR");
  return { accessKeyId, secretAccessKey, sessionToken };
}

const NOT_ASSUMED = new ProbeError("PERMISSION_DENIED", {
  message: "The access key may not assume this role.",
  remedy: "Check the role's ARN, its trust policy, the external ID, and that the key's user may call sts:AssumeRole.",
});

/** Signs and sends. */
export async function ask(call: Call, signedFor: SignedFor, keys: AwsKeys, fetch: Fetch): Promise<Answer> {
  const { url, headers, ...rest } = call;
  // A space is signed as %20, so it is sent as such.
  url.search = url.search.replaceAll("+", "%20");
  const signable = { ...signedFor, method: call.method, host: url.host, path: url.pathname + url.search, headers };
  const added = signedHeaders(signable, keys, () => hashOf(call.body));
  const response = await fetch(url, { ...rest, headers: { ...headers, ...added } });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** As the services name them: in a header, in JSON (`__type`), in XML (`Code`), with or without a namespace before it and a URL behind. */
export function errorCodeOf({ headers, text }: Answer): string {
  const { __type, code } = (parsed(text) ?? {}) as { __type?: unknown; code?: unknown };
  const said = headers.get("x-amzn-errortype") ?? __type ?? code ?? elementOf(text, "Code") ?? "";
  return String(said).replace(/^.*#/, "").replace(/:.*$/, "");
}

/** Of answers whose shape is known, and in which the element stands once. */
export function elementOf(xml: string, name: string): string | undefined {
  return new RegExp(`<${name}>([^<]{1,4096})</${name}>`).exec(xml)?.[1];
}

const MEANINGS: [TestCode, RegExp][] = [
  ["TOKEN_EXPIRED", /^(ExpiredToken(Exception)?|TokenRefreshRequired)$/],
  [
    "INVALID_CREDENTIALS",
    /^(InvalidAccessKeyId|SignatureDoesNotMatch|InvalidSignature(Exception)?|UnrecognizedClient(Exception)?|InvalidClientTokenId|InvalidToken|InvalidSecurity|IncompleteSignature(Exception)?|MissingAuthenticationToken(Exception)?|AuthFailure|Unauthorized)$/,
  ],
  [
    "PERMISSION_DENIED",
    /^(AccessDenied(Exception)?|AuthorizationError(Exception)?|UnauthorizedOperation|UnauthorizedAccess|NotAuthorized|AllAccessDisabled|AccountProblem|OptInRequired|NotSignedUp|SubscriptionRequiredException)$/,
  ],
  [
    "RESOURCE_NOT_FOUND",
    /^(NoSuchBucket|InvalidBucketName|ResourceNotFound(Exception)?|NotFound(Exception)?|QueueDoesNotExist|AWS\.SimpleQueueService\.NonExistentQueue)$/,
  ],
  [
    "RATE_LIMITED",
    /^(Throttling(Exception)?|ThrottledException|SlowDown|TooManyRequests(Exception)?|RequestLimitExceeded|ServiceUnavailable)$/,
  ],
];

/** Throws ProbeError where the answer is not a 2xx. `missing`: what else this service's code for “does not exist” is. */
export function judgeAnswer(answer: Answer, missing?: string): void {
  if (answer.status >= 200 && answer.status < 300) return;
  const code = errorCodeOf(answer);
  // Other services than S3 have no code of its own for a clock that is wrong.
  if (/^Request(TimeTooSkewed|Expired)$/.test(code) || /Signature (expired|not yet current)/.test(answer.text)) throw CLOCK;
  const known =
    code && code === missing ? "RESOURCE_NOT_FOUND" : (MEANINGS.find(([, codes]) => codes.test(code))?.[0] ?? inWords(answer));
  if (known) throw new ProbeError(known, known === "PERMISSION_DENIED" ? { remedy: POLICY } : {});
  throw new ProbeError(BY_STATUS[answer.status] ?? "PROVIDER_ERROR", {
    message: `The server answered with the HTTP status ${answer.status}${/^[A-Za-z0-9.]{1,60}$/.test(code) ? ` (${code})` : ""}.`,
  });
}

/** Some services refuse in words only. */
function inWords({ text }: Answer): TestCode | undefined {
  if (/security token included in the request is expired/.test(text)) return "TOKEN_EXPIRED";
  const isUnknown = /security token included in the request is invalid|request signature we calculated does not match/.test(text);
  return isUnknown ? "INVALID_CREDENTIALS" : undefined;
}

const POLICY = "Have a policy allow this call to the access key's user or role.";

const BY_STATUS: Readonly<Record<number, TestCode>> = {
  401: "INVALID_CREDENTIALS",
  403: "PERMISSION_DENIED",
  404: "RESOURCE_NOT_FOUND",
  429: "RATE_LIMITED",
};
