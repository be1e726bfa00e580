import { ProviderError } from "../lib/errors.ts";
import { Failure, type FailureDetails } from "../lib/failure.ts";

/** What a scheme threw, as a mutation answers it: a Failure becomes a ProviderError, everything else stays as it is. */
export function asProviderError(error: unknown): unknown {
  return error instanceof Failure ? providerError(error.details) : error;
}

export function providerError({ message, remedy, code, ...details }: FailureDetails): ProviderError {
  const { providerCode, providerStatus, retryable, retryAfterSeconds } = details;
  const kind = code === "RATE_LIMITED" ? "RATE_LIMITED" : "PROVIDER_ERROR";
  return new ProviderError(`${message} ${remedy}`, { providerCode, providerStatus, retryable, retryAfterSeconds }, kind);
}
