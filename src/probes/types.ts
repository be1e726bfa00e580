import type { ConnectionValues, NativeSchemeDefinition } from "../catalogue/types.ts";
import type { EgressInit } from "../egress/index.ts";
import type { TestCode, TestResult } from "../lib/errors.ts";

/** The public `TestResult` without its time. */
export type ProbeOutcome = Omit<TestResult, "at">;

export interface ProbeInput {
  /** The fields, defaults filled in; what is hidden or empty is absent. */
  values: ConnectionValues;
  /** The connector's own data: `constants`, `request`. */
  scheme: NativeSchemeDefinition;
  /** For everything, in milliseconds: for drivers that want a limit of their own. */
  timeoutMs: number;
  /** Aborts when the time is over; all sockets are gone then. */
  signal: AbortSignal;
  /** The guarded door for HTTP, which ends with the probe. */
  fetch(url: string | URL, init?: EgressInit): Promise<Response>;
}

/** One protocol: how to find out that a connection works. A file of its own, which imports its driver, so that both load when first used. */
export interface ProbeFamily {
  /**
   * Connects, authenticates, asks one harmless question and lets go of everything, timers too, however it ends. Throws a ProbeError, or
   * what the driver throws. Follows no address but through Node's own sockets, reads no file and no environment variable.
   */
  probe(input: ProbeInput): Promise<void>;
  /** What the driver's own errors mean; undefined: nothing that the family knows. Network and TLS errors need not be told. */
  meaningOf?(error: unknown): TestCode | ProbeError | undefined;
}

/** What went wrong, decided. Texts are for a person and hold no secret and nothing that the server wrote. */
export class ProbeError extends Error {
  readonly code: TestCode;
  /** Undefined: what is usual for the code. */
  readonly words: { message?: string; remedy?: string };

  constructor(code: TestCode, words: ProbeError["words"] = {}) {
    super(words.message ?? code);
    this.name = "ProbeError";
    this.code = code;
    this.words = words;
  }
}
