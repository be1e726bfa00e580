import { useCallback, useEffect, useState } from "react";

const FEATURES = "popup,width=560,height=760";
const LOOK_MS = 1_000;
/** Where a second window would hide the first, or is a tab that one has to find again. */
const ONE_WINDOW = "(max-width: 40rem), (pointer: coarse)";

export function prefersOneWindow(display: "REDIRECT" | "POPUP"): boolean {
  // A window that the product has opened for this is a popup already.
  return matchMedia(ONE_WINDOW).matches || (display === "POPUP" && window.opener !== null);
}

export interface ProviderWindow {
  /** True once a window was opened here. */
  isOpen: boolean;
  /** The browser says so, which a provider's Cross-Origin-Opener-Policy makes it say of open windows too. */
  seemsClosed: boolean;
  isBlocked: boolean;
  /** To be called in the very click: else the browser blocks it. */
  open(authorizationUrl: string): void;
  close(): void;
}

export function useProviderWindow(): ProviderWindow {
  const [opened, setOpened] = useState<Window | null>(null);
  const [isBlocked, setBlocked] = useState(false);
  const [seemsClosed, setSeemsClosed] = useState(false);

  useEffect(() => {
    if (!opened) return;
    const timer = setInterval(() => setSeemsClosed(opened.closed), LOOK_MS);
    return () => clearInterval(timer);
  }, [opened]);

  function open(authorizationUrl: string): void {
    const popup = window.open(`${authorizationUrl}?window=popup`, "moorline-provider", FEATURES);
    setSeemsClosed(false);
    setBlocked(!popup);
    if (popup) setOpened(popup);
    popup?.focus();
  }

  const close = useCallback(() => {
    opened?.close();
    setOpened(null);
    setSeemsClosed(false);
  }, [opened]);

  return { isOpen: opened !== null, seemsClosed, isBlocked, open, close };
}
