/** `enum CheckOutcome` of the public schema. */
export type CheckOutcome = "PASSED" | "FAILED" | "WARNING" | "SKIPPED";

/** One thing about a configuration that was looked at without a user. */
export interface Check {
  /** For a program: `TOKEN_ENDPOINT_REACHABLE`. */
  name: string;
  outcome: CheckOutcome;
  /** For a person: what was found. Never a secret, and of what a third party wrote its error code at most. */
  message: string;
  /** For a person: what to do; null: nothing. */
  remedy: string | null;
}

export function passed(name: string, message: string): Check {
  return { name, outcome: "PASSED", message, remedy: null };
}

export function failed(name: string, message: string, remedy: string): Check {
  return { name, outcome: "FAILED", message, remedy };
}

/** It may work, and somebody should look. */
export function warning(name: string, message: string, remedy: string | null): Check {
  return { name, outcome: "WARNING", message, remedy };
}

/** There is no way to know, or nothing to look at; `message` says which. */
export function skipped(name: string, message: string, remedy: string | null = null): Check {
  return { name, outcome: "SKIPPED", message, remedy };
}
