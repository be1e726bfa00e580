/** What this client uses of a browser's page, so that it can be read, and run, where there is none. */
export interface Page {
  open(url: string, name: string, features: string): Popup | null;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  removeEventListener(type: "message", listener: (event: MessageEvent) => void): void;
  readonly location: { readonly href: string; readonly origin: string; assign(url: string): void };
  readonly history: { readonly state: unknown; replaceState(state: unknown, unused: string, url: string): void };
  readonly document: { hasFocus(): boolean };
  readonly screenX: number;
  readonly screenY: number;
  readonly outerWidth: number;
  readonly outerHeight: number;
}

export interface Popup {
  readonly closed: boolean;
  readonly location: { replace(url: string): void };
  readonly document: { title: string; body: { textContent: string | null } };
  close(): void;
  focus(): void;
}

/** @throws {TypeError} outside of a browser's page */
export function thisPage(): Page {
  const page = globalThis as unknown as Page;
  if (typeof page.open !== "function" || !page.location)
    throw new TypeError("This needs a browser's page: call it in the browser only.");
  return page;
}
