import type { ConnectionStatus } from "./gql.ts";

interface Opened {
  /** Names this browser's cookie, in the header `Moorline-Session`. */
  session: string;
  /** BCP 47; null: nobody said. */
  locale: string | null;
}

export interface RequestLink extends Opened {
  kind: "REQUEST";
  /** The newest of the chain of retries. */
  connectionRequestId: string;
  display: "REDIRECT" | "POPUP";
  /** Who may be told by postMessage; null: nobody. */
  origin: string | null;
  /** Handed back with the result; null: nothing. */
  clientState: string | null;
}

export interface ChoiceLink extends Opened {
  kind: "CHOICE";
  returnUrl: string | null;
}

export type Link = RequestLink | ChoiceLink;

/** Why the link opens nothing. */
export interface Refusal {
  kind: "REFUSED";
  /** What has become of what it was for; null: it is not known. */
  status: ConnectionStatus | null;
  productName: string | null;
  returnUrl: string | null;
}

/** UNREACHABLE: no answer that could be read; the same again may work. */
export type Exchange = Link | Refusal | { kind: "UNREACHABLE" };

/** The token of a hosted link, as it stands in the address. */
export function tokenOf(pathname: string): string {
  return pathname.split("/")[2] ?? "";
}

/** Exchanges the link for a session of this browser. To be called at each load: a browser that has one keeps it. */
export async function openSession(token: string): Promise<Exchange> {
  try {
    const response = await fetch(`/connect/${token}/session`, {
      method: "POST",
      headers: { "content-type": "application/json", "moorline-session": await sessionName(token) },
      body: "{}",
      cache: "no-store",
    });
    const body: unknown = await response.json();
    if (response.ok) return body as Link;
    return response.status === 404 || response.status === 410 ? refusalOf(body) : { kind: "UNREACHABLE" };
  } catch {
    return { kind: "UNREACHABLE" };
  }
}

function refusalOf(body: unknown): Refusal {
  const [error] = (body as { errors?: { extensions?: Partial<Refusal> }[] }).errors ?? [];
  const { status = null, productName = null, returnUrl = null } = error?.extensions ?? {};
  return { kind: "REFUSED", status, productName, returnUrl };
}

async function sessionName(token: string): Promise<string> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", new TextEncoder().encode(token)));
  return `connect-${[...hash.subarray(0, 4)].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
