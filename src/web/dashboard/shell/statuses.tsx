import { Badge, type Tone } from "../../ui/show.tsx";

const TONES: Record<string, Tone> = {
  ACTIVE: "good",
  OK: "good",
  PASSED: "good",
  DELIVERED: "good",
  PENDING: "live",
  AUTHORIZING: "live",
  VERIFYING: "live",
  EXCHANGING: "live",
  EXPIRED: "warn",
  WARNING: "warn",
  INVALID: "bad",
  ERROR: "bad",
  FAILED: "bad",
  DENIED: "bad",
};

/** A status as the API names it, in a colour; the word is there, so that the colour is not needed. */
export function Status({ value }: { value: string }) {
  return <Badge tone={TONES[value] ?? "neutral"}>{wordsOf(value)}</Badge>;
}

/** `OAUTH2_CLIENT_CREDENTIALS` as "OAuth2 client credentials". */
export function wordsOf(value: string): string {
  const text = value.toLowerCase().replaceAll("_", " ");
  const named = text
    .replace(/\boauth(\d?)\b/g, "OAuth$1")
    .replace(/\baws sigv4\b/g, "AWS SigV4")
    .replace(/\b(ai|api|crm|erp|hr|jwt|mcp)\b/g, (letters) => letters.toUpperCase());
  return named.charAt(0).toUpperCase() + named.slice(1);
}
