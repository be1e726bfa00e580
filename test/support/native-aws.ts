import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { type AccessKey, claimedIn, type SignedRequest, whyRefused } from "./aws-server.ts";

/** What one service is asked, and what is there. */
export type Action = (request: SignedRequest, called: string, input: Record<string, string>) => [status: number, answer: string];

export interface NativeAws {
  url: string;
  port: number;
  keys: Map<string, AccessKey>;
  /** Keys that may do nothing. */
  powerless: Set<string>;
  /** Every call as `service/region/action host`. */
  seen: string[];
  /** Seconds that the server's clock is ahead of ours. */
  ahead: number;
  close(): Promise<void>;
}

export const json = (status: number, value: object): [number, string] => [status, JSON.stringify(value)];
export const xml = (status: number, code: string): [number, string] => [
  status,
  `<ErrorResponse><Error><Type>Sender</Type><Code>${code}</Code><Message>&lt;b&gt;</Message></Error></ErrorResponse>`,
];

/** AWS's services, as far as they are asked here: each verifies the signature, and refuses in its own protocol. */
export async function startNativeAws(actions: Readonly<Record<string, Action>>): Promise<NativeAws> {
  const server = createServer(async (incoming, response) => answer(aws, actions, await received(incoming), response));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const aws: NativeAws = {
    url: `http://localhost:${port}`,
    port,
    keys: new Map(),
    powerless: new Set(),
    seen: [],
    ahead: 0,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return aws;
}

async function received(incoming: IncomingMessage): Promise<SignedRequest> {
  const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
  return { method: incoming.method ?? "", target: incoming.url ?? "", headers, body: await buffer(incoming) };
}

function answer(
  aws: NativeAws,
  actions: Readonly<Record<string, Action>>,
  request: SignedRequest,
  response: ServerResponse,
): void {
  const [status, text] = decided(aws, actions, request);
  const isJson = text.startsWith("{");
  response.writeHead(status, {
    "x-amzn-requestid": "7f3b1f1c-0000-4000-8000-000000000000",
    "content-type": isJson ? "application/x-amz-json-1.0" : "text/xml",
  });
  response.end(text);
}

function decided(aws: NativeAws, actions: Readonly<Record<string, Action>>, request: SignedRequest): [number, string] {
  const { headers, body, target } = request;
  const claimed = claimedIn(headers.authorization ?? "");
  const isQuery = headers["content-type"]?.startsWith("application/x-www-form-urlencoded") === true;
  const refuse = (code: string, more = ""): [number, string] =>
    isQuery ? xml(403, code) : json(400, { __type: `com.amazon.coral.service#${code}`, message: `no ${more}` });
  const why = whyRefused(aws.ahead ? shifted(request, aws.ahead) : request, aws.keys);
  if (why === "RequestTimeTooSkewed") return refuse("InvalidSignatureException", "Signature expired: 1 is now earlier than 2");
  if (why === "InvalidClientTokenId") return refuse(isQuery ? why : "UnrecognizedClientException");
  if (why === "SignatureDoesNotMatch") return refuse(isQuery ? why : "InvalidSignatureException");
  if (why || !claimed) return refuse(String(why));
  const input: Record<string, string> = isQuery ? Object.fromEntries(new URLSearchParams(body.toString())) : bodyOf(body);
  const called = headers["x-amz-target"] ?? input.Action ?? `${request.method} ${target}`;
  aws.seen.push(`${claimed.service}/${claimed.region}/${called} ${headers.host}`);
  if (aws.powerless.has(claimed.accessKeyId)) return refuse(isQuery ? "AccessDenied" : "AccessDeniedException");
  const action = actions[called];
  return action ? action(request, called, input) : refuse("UnknownOperationException", called);
}

function bodyOf(body: Buffer): Record<string, string> {
  return body.length > 0 ? JSON.parse(body.toString()) : {};
}

/** As it would look from another time: only the clock is judged by it, so the signature need not fit. */
function shifted(request: SignedRequest, seconds: number): SignedRequest {
  const at = new Date(Date.now() - seconds * 1_000).toISOString().replace(/[:-]|\.\d{3}/g, "");
  return { ...request, headers: { ...request.headers, "x-amz-date": at } };
}
