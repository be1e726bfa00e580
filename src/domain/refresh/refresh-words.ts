import type { FailureDetails } from "../../lib/failure.ts";

/** What a credential says of itself when its tokens could not be renewed, for the person who has to do something about it. */

const UNHEARD =
  "An earlier answer of the provider was lost on the way, so it may have replaced the refresh token without our hearing of it.";

/** INVALID for good: why, and what to do. */
export function endedReason({ message, remedy }: FailureDetails, unheard: boolean): string {
  return [message, unheard ? UNHEARD : "", remedy].filter(Boolean).join(" ");
}

/** ACTIVE still, because the next attempt may go well. */
export function failingReason({ code, message }: FailureDetails): string {
  const next = isClientRefused(code)
    ? "Whoever looks after the auth config has to see to it: the user need not do anything."
    : "It is tried again by itself: the user need not do anything.";
  return `The access token could not be renewed. ${message} ${next}`;
}

/** For the history: what came of one attempt. */
export function attemptMessage({ message }: FailureDetails, { lost, unheard }: { lost: boolean; unheard: boolean }): string {
  if (lost) return `${message} The provider may have renewed the token without our hearing of it.`;
  return unheard ? `${message} ${UNHEARD}` : message;
}

export const CUT_OFF =
  "An attempt to renew the access token was cut off before its answer came. The provider may have renewed the token without our hearing of it.";

export const CAME_LATE =
  "The answer to an earlier attempt came after the provider had refused a second one. The tokens in it are kept, and are being tried.";

/** The provider does not accept the app itself, whosever tokens it asks for. */
export function isClientRefused(code: FailureDetails["code"]): boolean {
  return code === "INVALID_CLIENT" || code === "APP_SUSPENDED";
}
