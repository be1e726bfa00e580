import { type Page, type Popup, thisPage } from "./page.ts";
import type { ConnectOptions } from "./types.ts";

const WIDTH = 520;
const HEIGHT = 720;
const LOOK_MS = 400;
/** How long the popup has to be gone: what it did last may still be on its way here. */
const GRACE_MS = 3_000;

export interface OpenPopup {
  /** Sends the window on. False: it has been closed meanwhile, which is certain as long as it was ours. */
  goTo(link: string): boolean;
  /** Opens the window again, at the link; in a click only. */
  reopen(link: string): boolean;
  close(): void;
  /** Whether it looks closed; also true where a provider's COOP has cut it off. */
  looksClosed(): boolean;
}

/** Synchronously, so that the browser sees the click; empty, because there is no link yet. Null: blocked. */
export function openPopup(options: ConnectOptions["popup"] = {}): OpenPopup | null {
  const page = thisPage();
  const features = featuresFor(page, options);
  // A name of its own: two at a time don't fight over one window.
  const name = `moorline-${Math.random().toString(36).slice(2)}`;
  let popup = page.open("about:blank", name, features);
  if (!popup || popup.closed) return null;
  write(popup, options.text ?? "…");
  return {
    goTo(link) {
      if (!popup || popup.closed) return false;
      popup.location.replace(link);
      return true;
    },
    reopen(link) {
      const again = page.open(link, name, features);
      if (again) popup = again;
      return again !== null;
    },
    close: () => popup?.close(),
    looksClosed: () => popup?.closed ?? true,
  };
}

function write(popup: Popup, text: string): void {
  try {
    popup.document.title = text;
    popup.document.body.textContent = text;
  } catch {
    // A browser that keeps even an empty window to itself: it stays blank.
  }
}

/** In the middle of this page's window. */
function featuresFor(page: Page, { width = WIDTH, height = HEIGHT }: NonNullable<ConnectOptions["popup"]>): string {
  const left = Math.round(page.screenX + Math.max(0, (page.outerWidth - width) / 2));
  const top = Math.round(page.screenY + Math.max(0, (page.outerHeight - height) / 2));
  return `popup=yes,width=${width},height=${height},left=${left},top=${top}`;
}

export interface Closing {
  /** It looks closed, just now. */
  onClosed(): void;
  /** It has looked closed for a few seconds. */
  onGone(): void;
  /** And this page has had the focus back for as long, which it has not while somebody works in a window that merely looks closed. */
  onBelieved(): void;
}

export interface Looking {
  /** Where it looks closed already: `onBelieved` once more, when that holds from now on. */
  believeAnew(): void;
  stop(): void;
}

interface ClosingStep {
  at: number | null;
  run: () => void;
  holds: () => boolean;
  waits: number;
}

/** Looks at the popup until it is stopped. After `reopen` all three may come again. */
export function watchClosing(popup: OpenPopup, { onClosed, onGone, onBelieved }: Closing): Looking {
  const page = thisPage();
  let steps: ClosingStep[] = [];
  const belief = (): ClosingStep => ({ at: null, run: onBelieved, holds: () => page.document.hasFocus(), waits: GRACE_MS });
  const begin = (): ClosingStep[] => [
    { at: null, run: onClosed, holds: () => true, waits: 0 },
    { at: null, run: onGone, holds: () => true, waits: GRACE_MS },
    belief(),
  ];
  let open = true;
  const timer = setInterval(() => {
    if (!popup.looksClosed()) {
      open = true;
      return;
    }
    if (open) steps = begin();
    open = false;
    const now = Date.now();
    for (const step of steps) step.at = step.holds() ? (step.at ?? now) : null;
    const due = steps.filter(({ at, waits }) => at !== null && now - at >= waits);
    steps = steps.filter((step) => !due.includes(step));
    for (const { run } of due) run();
  }, LOOK_MS);
  return {
    believeAnew() {
      if (!open) steps = [...steps.filter(({ run }) => run !== onBelieved), belief()];
    },
    stop: () => clearInterval(timer),
  };
}

/** What the popup's pages say of the result. Only a hint, and only from Moorline's own origin: `link` is where the API said that it is. */
export function onHint(link: string, hinted: (hint: { connectionRequestId: string; status: string }) => void): () => void {
  const page = thisPage();
  const { origin } = new URL(link);
  const listener = ({ origin: from, data }: MessageEvent) => {
    if (from !== origin || data?.type !== "moorline:connection" || typeof data.connectionRequestId !== "string") return;
    hinted(data);
  };
  page.addEventListener("message", listener);
  return () => page.removeEventListener("message", listener);
}
