import type { ConnectionValues, SignedJwtSchemeDefinition } from "../../catalogue/types.ts";
import { failure } from "../oauth2/failures.ts";

/** What was entered as the private key, taken apart. */
export interface KeyFile {
  /** PEM; with HS256 the shared secret as it is, or the bytes that it stands for. */
  key: string | Buffer;
  /** What a service account's JSON key file tells beside the key, `client_email` as `clientEmail`. */
  values: ConnectionValues;
}

const SECRETS = new Set(["private_key"]);

/** Reads a PEM text or a JSON key file, as text or as a base64 data URL (`FieldType` FILE). Throws a Failure that quotes nothing of it. */
export function readKeyFile(entered: unknown, format?: SignedJwtSchemeDefinition["keyFormat"]): KeyFile {
  const text = decodeDataUrl(typeof entered === "string" ? entered : "").trim();
  if (text === "") throw unreadable("No private key was entered.");
  if (format === "ID_AND_HEX") return idAndHex(text);
  if (!text.startsWith("{")) return { key: withLineBreaks(text), values: {} };
  const file = parseObject(text);
  const key = file?.private_key;
  if (!file || typeof key !== "string" || key === "") throw unreadable("The key file is not one that holds a private key.");
  const values = Object.entries(file).flatMap(([name, value]) =>
    typeof value === "string" && value !== "" && !SECRETS.has(name) ? [[camelCase(name), value] as const] : [],
  );
  return { key: withLineBreaks(key), values: Object.fromEntries(values) };
}

function idAndHex(text: string): KeyFile {
  const [, keyId, hex] = /^([\w-]{1,200}):((?:[0-9a-f]{2}){16,256})$/i.exec(text) ?? [];
  if (!keyId || !hex) throw unreadable("The key is not an id, a colon and a secret in hexadecimal digits.");
  return { key: Buffer.from(hex, "hex"), values: { keyId } };
}

export function unreadable(message: string) {
  return failure("INVALID_CREDENTIALS", {
    message,
    remedy: "Enter the key as the provider gave it: PEM without a passphrase, or the whole JSON key file.",
  });
}

function decodeDataUrl(text: string): string {
  const base64 = /^data:[^,]{0,200};base64,([A-Za-z0-9+/=\s]*)$/.exec(text.trim())?.[1];
  return base64 === undefined ? text : Buffer.from(base64, "base64").toString("utf8");
}

/** A PEM text that went through an environment variable has its line breaks written out. */
function withLineBreaks(key: string): string {
  return key.includes("-----BEGIN ") && !key.includes("\n") ? key.replaceAll("\\n", "\n") : key;
}

function parseObject(text: string): Record<string, unknown> | null {
  try {
    const json: unknown = JSON.parse(text);
    return typeof json === "object" && json !== null && !Array.isArray(json) ? (json as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

function camelCase(name: string): string {
  return name.replace(/_+([a-z0-9])/gi, (_whole, letter: string) => letter.toUpperCase());
}
