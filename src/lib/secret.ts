import { inspect } from "node:util";

/**
 * A value that must never be printed by accident. It shows as `[redacted]` when logged, interpolated, inspected or
 * serialised; only `reveal()` gives the text, so every place where a secret leaves its wrapping can be searched for.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}

export const REDACTED = "[redacted]";
