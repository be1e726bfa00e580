import type { ConnectionStatus } from "./gql.ts";

interface Message {
  connectionRequestId: string;
  status: ConnectionStatus;
  /** The request that this one follows. */
  retryOf?: string;
}

let told = "";

/** Tells the window that has opened this page, once for each change, and nobody but the origin that was registered. */
export function tellOpener(origin: string | null, message: Message): void {
  const key = `${message.connectionRequestId} ${message.status}`;
  if (!origin || key === told) return;
  told = key;
  (window.opener as Window | null)?.postMessage({ type: "moorline:connection", version: 1, ...message }, origin);
}

/** The return address with the result; the same that the server's own pages make of it. */
export function returnTo(url: string, requestId: string, status: ConnectionStatus, clientState: string | null): string {
  const target = new URL(url);
  target.searchParams.set("connectionRequestId", requestId);
  target.searchParams.set("status", status);
  if (clientState !== null) target.searchParams.set("clientState", clientState);
  return target.href;
}
