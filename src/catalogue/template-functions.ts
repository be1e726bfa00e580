/**
 * What a template may do to a text: `{base64({connection.username}/token:{connection.password})}`. Each turns one text into another and
 * knows nothing else. Some take a key, the value of one variable: `{hmacSha1Hex[{connection.password}]({now:rfc2822})}`. Calls nest; they
 * stand in headers, parameters and bodies, never in a URL.
 */
import { createHash, createHmac, createPrivateKey, sign } from "node:crypto";

export const TEMPLATE_FUNCTIONS = {
  base64: (text: string) => Buffer.from(text, "utf8").toString("base64"),
  /** In hex. It proves that a password is known (WS-Security's UsernameToken); collisions don't matter there. */
  sha1Hex: (text: string) => createHash("sha1").update(text, "utf8").digest("hex"),
  sha256Hex: (text: string) => createHash("sha256").update(text, "utf8").digest("hex"),
  /** Capitals, and underscores for hyphens: how some write in a header what is in small letters in their host. */
  upperSnake: (text: string) => text.toUpperCase().replaceAll("-", "_"),
};

/** What the key does to the text. Throws, with whatever the crypto library says, where it is no key for it. */
export const KEYED_FUNCTIONS = {
  /** RFC 2104. */
  hmacSha1Hex: (text: string, key: string) => createHmac("sha1", key).update(text, "utf8").digest("hex"),
  /** RFC 8032, in base64; the key is PEM (RFC 8410). */
  ed25519: (text: string, key: string) => sign(null, Buffer.from(text, "utf8"), createPrivateKey(key)).toString("base64"),
};

export type TemplateFunction = keyof typeof TEMPLATE_FUNCTIONS;
export type KeyedFunction = keyof typeof KEYED_FUNCTIONS;

const PLAIN = Object.keys(TEMPLATE_FUNCTIONS).join("|");
const KEYED = Object.keys(KEYED_FUNCTIONS).join("|");

/** A call: its name, or its name and its key's variable, and what stands between its parentheses, which may hold variables and calls itself. */
export const FUNCTION_CALL = new RegExp(
  String.raw`\{(?:(${PLAIN})|(${KEYED})\[\{(connection\.[A-Za-z][A-Za-z0-9]*)\}\])\(((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\)\}`,
);
