import type { ConnectionValues } from "../catalogue/types.ts";
import { textOf } from "./fields.ts";
import { ProbeError } from "./types.ts";

/** How a call shows who makes it. */
export type Login =
  | { kind: "SHARED_KEY"; account: string; key: string }
  | { kind: "SIGNATURE"; query: string }
  | { kind: "MASTER_KEY"; key: string }
  | { kind: "SHARED_ACCESS"; name: string; key: string }
  | { kind: "ENTRA" };

export interface Account {
  /** URL without a slash at its end. */
  endpoint: string;
  login: Login;
  /** What a connection string says of what was not typed. */
  values: ConnectionValues;
}

type Constants = Readonly<Record<string, string>>;

/** Where the account is and how to sign in there, from a connection string or from single fields. */
export function accountOf(values: ConnectionValues, constants: Constants): Account {
  const text = textOf(values, "connectionString");
  const { service, suffix = "" } = constants;
  if (text) return service === "servicebus" ? busOf(partsOf(text)) : storageOf(partsOf(text), constants);
  const namespace = textOf(values, "fullyQualifiedNamespace");
  const account = textOf(values, "accountName") ?? "";
  const endpoint = textOf(values, "endpoint") ?? `https://${namespace ?? `${account}.${suffix}`}`;
  return { endpoint: withoutSlash(endpoint), login: loginOf(values, account), values: {} };
}

function loginOf(values: ConnectionValues, account: string): Login {
  const authType = textOf(values, "authType");
  const [masterKey, key, query] = ["key", "accountKey", "sasToken"].map((name) => textOf(values, name));
  if (authType === "servicePrincipal") return { kind: "ENTRA" };
  if (masterKey) return { kind: "MASTER_KEY", key: masterKey };
  if (query) return { kind: "SIGNATURE", query };
  if (key) return { kind: "SHARED_KEY", account, key };
  throw new ProbeError("INVALID_CREDENTIALS", { message: "No key was entered." });
}

/** `Name=value;…`; a value may hold `=`. Names are read whatever their case is. */
function partsOf(text: string): Map<string, string> {
  const pairs = text
    .split(";")
    .map((part) => part.trim())
    .filter(Boolean)
    .map((part) => [part.replace(/=.*$/s, "").toLowerCase(), part.replace(/^[^=]*=/, "")] as const);
  return new Map(pairs);
}

function incomplete(what: string): ProbeError {
  return new ProbeError("INVALID_CREDENTIALS", {
    message: `The connection string does not say ${what}.`,
    remedy: "Copy the whole connection string from the account's list of keys.",
  });
}

/** `BlobEndpoint`, `FileEndpoint` …, or the account's name and where accounts are. */
function storageOf(parts: Map<string, string>, { service = "", suffix = "" }: Constants): Account {
  const account = parts.get("accountname");
  const given = parts.get(`${service}endpoint`);
  if (!given && !account) throw incomplete("which account it is for");
  const host = `${account}.${suffix.replace(/core\.windows\.net$/, parts.get("endpointsuffix") ?? "core.windows.net")}`;
  const endpoint = withoutSlash(given ?? `${parts.get("defaultendpointsprotocol") ?? "https"}://${host}`);
  const key = parts.get("accountkey");
  const query = parts.get("sharedaccesssignature");
  if (query) return { endpoint, login: { kind: "SIGNATURE", query }, values: {} };
  if (!key || !account) throw incomplete("the account's name and key");
  return { endpoint, login: { kind: "SHARED_KEY", account, key }, values: {} };
}

/** A policy's: the namespace's, or with `EntityPath` that of one queue or topic. */
function busOf(parts: Map<string, string>): Account {
  const [endpoint, name, key] = ["endpoint", "sharedaccesskeyname", "sharedaccesskey"].map((part) => parts.get(part));
  if (!endpoint || !name || !key) throw incomplete("the endpoint, the policy's name and its key");
  const entity = parts.get("entitypath");
  return {
    endpoint: withoutSlash(endpoint.replace(/^sb:/, "https:")),
    login: { kind: "SHARED_ACCESS", name, key },
    values: entity ? { queueOrTopic: entity } : {},
  };
}

function withoutSlash(url: string): string {
  return url.replace(/\/+$/, "");
}
