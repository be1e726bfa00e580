/**
 * What a template may do to a text: `{base64({connection.username}/token:{connection.password})}`. Each turns one text into another and
 * knows nothing else. Calls nest; they stand in headers, parameters and bodies, never in a URL.
 */
import { createHash } from "node:crypto";

export const TEMPLATE_FUNCTIONS = {
  base64: (text: string) => Buffer.from(text, "utf8").toString("base64"),
  /** In hex. It proves that a password is known (WS-Security's UsernameToken); collisions don't matter there. */
  sha1Hex: (text: string) => createHash("sha1").update(text, "utf8").digest("hex"),
  /** Capitals, and underscores for hyphens: how some write in a header what is in small letters in their host. */
  upperSnake: (text: string) => text.toUpperCase().replaceAll("-", "_"),
};

export type TemplateFunction = keyof typeof TEMPLATE_FUNCTIONS;

/** A call with its name and what stands between its parentheses, which may hold variables and calls itself. */
export const FUNCTION_CALL = new RegExp(
  String.raw`\{(${Object.keys(TEMPLATE_FUNCTIONS).join("|")})\(((?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*)\)\}`,
);
