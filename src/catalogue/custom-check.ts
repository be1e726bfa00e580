import type { InputIssue } from "../lib/errors.ts";
import type { Fault } from "./custom-static.ts";
import { PROTOCOL_PARAMETERS } from "./protocol-parameters.ts";

export interface UrlOptions {
  /** Whether a plain-http URL may be used: the operator allows some loopback addresses, nothing else. */
  allowHttp(url: URL): boolean;
}

export type Checker = ReturnType<typeof checker>;

/** Collects what is wrong with the input of a project's own connector. */
export function checker(options: UrlOptions) {
  const issues: InputIssue[] = [];
  const fault: Fault = (path, code, message) => void issues.push({ path, code, message });
  return {
    issues,
    fault,
    /** The URL as it was given, or undefined where it is absent or wrong. A link is only shown, never called. */
    url(path: string[], value: string | null | undefined, use: "endpoint" | "link" = "endpoint"): string | undefined {
      if (value === null || value === undefined || value === "") return undefined;
      const url = URL.parse(value);
      const problem = urlProblem(value, url, use, options);
      if (problem) fault(path, "PATTERN", problem);
      return problem ? undefined : value;
    },
    missing(path: string[], issuer: string | null | undefined): string {
      const known = issues.some((issue) => issue.path.join() === path.join());
      const hint = issuer ? "The issuer's metadata do not name it." : "Give it, or an issuer whose metadata name it.";
      if (!known) fault(path, "REQUIRED", `${path.at(-1)} is required. ${hint}`);
      return "";
    },
    parameters(path: string[], value: unknown): Record<string, string> | undefined {
      if (value === null || value === undefined) return undefined;
      if (typeof value !== "object" || Array.isArray(value)) {
        fault(path, "WRONG_TYPE", "Parameters are an object of names and texts.");
        return undefined;
      }
      const entries = Object.entries(value).filter(([, item]) => item !== null);
      for (const [name, item] of entries) {
        if (PROTOCOL_PARAMETERS.has(name))
          fault([...path, name], "NOT_ALLOWED", `“${name}” is set by the protocol and cannot be given here.`);
        if (!["string", "number", "boolean"].includes(typeof item))
          fault([...path, name], "WRONG_TYPE", `“${name}” must be a text.`);
        // Braces would be read as a template.
        else if (/[{}]/.test(String(item))) fault([...path, name], "PATTERN", `“${name}” may not hold braces.`);
      }
      return Object.fromEntries(entries.map(([name, item]) => [name, String(item)]));
    },
  };
}

function urlProblem(value: string, url: URL | null, use: "endpoint" | "link", options: UrlOptions): string | null {
  if (!url || value.length > 2_000 || /[\s{}\\]/.test(value))
    return "This must be a complete URL, without spaces, braces or backslashes.";
  if (url.username || url.password) return "A URL here has no user name or password in it.";
  if (use === "endpoint" && url.hash) return "A URL here has no fragment (#…).";
  if (url.protocol === "https:") return null;
  if (url.protocol === "http:" && (use === "link" || options.allowHttp(url))) return null;
  return "The URL must begin with https://.";
}
