import { createHmac, randomUUID } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";

export interface AzureCall {
  method: string;
  host: string;
  url: URL;
  headers: Record<string, string>;
  body: string;
}
type Answer = [status: number, body: string, headers?: Record<string, string>];

export interface NativeAzure {
  url: string;
  /** Storage and Cosmos DB accounts with their keys, in base64; Service Bus policies with theirs, as text. */
  accounts: Map<string, string>;
  policies: Map<string, { key: string; manages: boolean }>;
  /** Entra's applications, as `tenant/client id`, with their secrets. */
  apps: Map<string, string>;
  /** What is there, as `host/path`. */
  things: Set<string>;
  /** Every call that was let in, as `method host target`. */
  seen: string[];
  /** In place of an answer to what was let in. */
  instead: Answer | null;
  close(): Promise<void>;
}

const hmac = (key: string | Buffer, data: string) => createHmac("sha256", key).update(data).digest("base64");
const failed = (code: string): Answer => [
  403,
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>&lt;b&gt;</Message></Error>`,
  { "x-ms-error-code": code },
];

/** Azure's services, as far as they are asked here: each verifies what it is shown by Microsoft's own description of it. */
export async function startNativeAzure(): Promise<NativeAzure> {
  const tokens = new Map<string, string>();
  const server = createServer(async (incoming, response) => {
    const [status, body, headers = {}] = decided(azure, tokens, await received(incoming));
    response.writeHead(status, headers).end(body);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const azure: NativeAzure = {
    url: `http://localhost:${(server.address() as AddressInfo).port}`,
    accounts: new Map(),
    policies: new Map(),
    apps: new Map(),
    things: new Set(),
    seen: [],
    instead: null,
    async close() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return azure;
}

async function received(incoming: IncomingMessage): Promise<AzureCall> {
  const headers = Object.fromEntries(Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]));
  const host = headers.host ?? "";
  return {
    method: incoming.method ?? "",
    host,
    url: new URL(incoming.url ?? "/", `http://${host}`),
    headers,
    body: await text(incoming),
  };
}

function decided(azure: NativeAzure, tokens: Map<string, string>, call: AzureCall): Answer {
  const { host, url, headers, method } = call;
  if (host === "login.microsoftonline.com") return entra(azure, tokens, call);
  const isBus = host.endsWith(".servicebus.windows.net");
  const isCosmos = host.includes(".documents.azure.com");
  const bearer = /^Bearer (.+)$/.exec(headers.authorization ?? "")?.[1];
  const refused = bearer
    ? tokens.get(bearer) === (isBus ? "https://servicebus.azure.net/.default" : "https://storage.azure.com/.default")
      ? null
      : failed("InvalidAuthenticationInfo")
    : isBus
      ? refusedByBus(azure, call)
      : isCosmos
        ? refusedByCosmos(azure, call)
        : refusedByStorage(azure, call);
  if (refused) return refused;
  azure.seen.push(
    `${method} ${host}${url.pathname} ${[...url.searchParams.keys()].filter((name) => name.length > 3).join(" ")}`.trim(),
  );
  if (azure.instead) return azure.instead;
  if (isBus) return [200, azure.things.has(`${host}${url.pathname}`) ? "<entry>x</entry>" : "<feed></feed>"];
  if (azure.things.has(`${host}${url.pathname}`))
    return [200, isCosmos ? '{"id":"acme"}' : "<EnumerationResults/>", { "x-ms-request-id": "1" }];
  return [404, isCosmos ? '{"code":"NotFound"}' : "", isCosmos ? {} : { "x-ms-error-code": "ResourceNotFound" }];
}

/** RFC 6749 section 4.4. */
function entra({ apps }: NativeAzure, tokens: Map<string, string>, { url, body }: AzureCall): Answer {
  const form = new URLSearchParams(body);
  const tenant = /^\/([^/]+)\/oauth2\/v2\.0\/token$/.exec(url.pathname)?.[1];
  const isRight =
    form.get("grant_type") === "client_credentials" &&
    apps.get(`${tenant}/${form.get("client_id")}`) === form.get("client_secret");
  if (!isRight) return [401, '{"error":"invalid_client","error_codes":[7000215]}'];
  const token = randomUUID();
  tokens.set(token, form.get("scope") ?? "");
  return [200, JSON.stringify({ access_token: token, token_type: "Bearer", expires_in: 3_599 })];
}

const minutesOff = (date: string | undefined) => Math.abs(Date.parse(date ?? "") - Date.now()) / 60_000;

/** "Authorize with Shared Key", or an account's shared access signature. */
function refusedByStorage({ accounts }: NativeAzure, { method, host, url, headers }: AzureCall): Answer | null {
  const account = host.split(".")[0] ?? "";
  const key = Buffer.from(accounts.get(account) ?? "", "base64");
  if (!headers["x-ms-version"]) return failed("MissingRequiredHeader");
  const q = url.searchParams;
  if (q.has("sig")) {
    const parts = ["sp", "ss", "srt", "st", "se", "sip", "spr", "sv", "ses"].map((name) => q.get(name) ?? "");
    if (hmac(key, [account, ...parts, ""].join("\n")) !== q.get("sig")) return failed("AuthenticationFailed");
    if (Date.parse(q.get("se") ?? "") < Date.now()) return failed("AuthenticationFailed");
    return q.get("sp")?.includes("l") ? null : failed("AuthorizationPermissionMismatch");
  }
  if (!(minutesOff(headers["x-ms-date"]) < 15)) return failed("AuthenticationFailed");
  const standard = ["content-encoding", "content-language", "content-length", "content-md5", "content-type", "date"];
  const conditional = ["if-modified-since", "if-match", "if-none-match", "if-unmodified-since", "range"];
  const lines = [...standard, ...conditional].map((name) => headers[name] ?? "");
  const own = Object.keys(headers).filter((name) => name.startsWith("x-ms-"));
  const ownLines = own.toSorted().map((name) => `${name}:${headers[name]}`);
  const query = [...new Set(q.keys())].toSorted().map((name) => `${name.toLowerCase()}:${q.getAll(name).join(",")}`);
  const signed = [method, ...lines, ...ownLines, [`/${account}${url.pathname}`, ...query].join("\n")].join("\n");
  return headers.authorization === `SharedKey ${account}:${hmac(key, signed)}` ? null : failed("AuthenticationFailed");
}

/** "Access control in Azure Cosmos DB". */
function refusedByCosmos({ accounts }: NativeAzure, { method, host, url, headers }: AzureCall): Answer | null {
  const key = Buffer.from(accounts.get(host.split(".")[0] ?? "") ?? "", "base64");
  const [, kind = "", name] = url.pathname.split("/");
  const link = name ? `${kind}/${name}` : "";
  const date = headers["x-ms-date"] ?? "";
  const signature = hmac(key, `${method}\n${kind}\n${link}\n${date}\n\n`.toLowerCase().replace(link.toLowerCase(), link));
  const given = new URLSearchParams(decodeURIComponent(headers.authorization ?? "").replaceAll("+", "%2B"));
  if (!headers["x-ms-version"] || !(minutesOff(date) < 15))
    return [403, '{"code":"Forbidden","message":"not valid at the current time"}'];
  const isRight = given.get("type") === "master" && given.get("ver") === "1.0" && given.get("sig") === signature;
  return isRight ? null : [401, '{"code":"Unauthorized","message":"The input authorization token <b>"}'];
}

/** "Service Bus access control with shared access signatures". */
function refusedByBus({ policies }: NativeAzure, { host, url, headers }: AzureCall): Answer | null {
  const given = new URLSearchParams((headers.authorization ?? "").replace(/^SharedAccessSignature /, ""));
  const [resource, signature, expiry, name] = ["sr", "sig", "se", "skn"].map((part) => given.get(part) ?? "");
  const policy = policies.get(name!);
  const refuse = (detail: string): Answer => [401, `<Error><Code>401</Code><Detail>${detail}</Detail></Error>`];
  if (!policy || hmac(policy.key, `${encodeURIComponent(resource!)}\n${expiry}`) !== signature)
    return refuse("40103: Invalid authorization token signature");
  const covered = new URL(resource!);
  if (covered.host !== host || !url.pathname.startsWith(covered.pathname))
    return refuse("40102: Invalid authorization token audience");
  if (Number(expiry) < Date.now() / 1000) return refuse("ExpiredToken");
  return policy.manages ? null : refuse("Manage,EntityRead claims required for this operation.");
}
