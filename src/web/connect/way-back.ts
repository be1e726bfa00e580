/**
 * Keeps, for this tab alone, which link with a choice a request was begun from. Whoever goes to the provider in this very window comes
 * back to a page of the server's, which knows the request and not the link: its script (src/http/pages.ts) leads here by this.
 */
export function keepWayBack(requestId: string): void {
  try {
    sessionStorage.setItem(`moorline-choice:${requestId}`, location.pathname);
  } catch {
    // A browser that lets pages keep nothing: the server's page tells how it went, and the browser's own “back” leads here.
  }
}
