import type { ErrorMeaning } from "../../catalogue/types.ts";

/** The problem reporting extension of OAuth 1.0: the codes in wide use, sorted by what there is to do about them. */
const PROBLEMS = new Map<string, ErrorMeaning>([
  ["user_refused", "DENIED"],
  ["permission_denied", "DENIED"],
  ["consumer_key_unknown", "INVALID_CLIENT"],
  ["consumer_key_rejected", "INVALID_CLIENT"],
  ["signature_invalid", "INVALID_CLIENT"],
  ["signature_method_rejected", "INVALID_CLIENT"],
  ["consumer_key_refused", "APP_SUSPENDED"],
  ["token_expired", "INVALID_GRANT"],
  ["token_rejected", "INVALID_GRANT"],
  ["token_revoked", "INVALID_GRANT"],
  ["token_used", "INVALID_GRANT"],
  ["verifier_invalid", "INVALID_GRANT"],
  ["timestamp_refused", "PROVIDER_ERROR"],
  ["nonce_used", "PROVIDER_ERROR"],
]);

export function meaningOf(problem: string): ErrorMeaning | null {
  return PROBLEMS.get(problem) ?? null;
}

/** The problem's code and advice, in the WWW-Authenticate header or in a form body; nulls where there is none. */
export function problemIn(header: string | null, body: string): { code: string | null; advice: string | null } {
  const fromHeader = /\boauth_problem="?([a-z_]+)/.exec(header ?? "")?.[1];
  const form = new URLSearchParams(/^[a-z_]+=[^<>{}]*$/s.test(body.trim()) ? body.trim() : "");
  return { code: fromHeader ?? form.get("oauth_problem"), advice: form.get("oauth_problem_advice") };
}
