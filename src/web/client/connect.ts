import { ConnectionCanceled, FINAL, outcomeOf, PopupBlocked } from "./errors.ts";
import { thisPage } from "./page.ts";
import { type Looking, type OpenPopup, onHint, openPopup, watchClosing } from "./popup.ts";
import { cancelRequest, linkOf, startRequest } from "./start.ts";
import type { ConnectionRequest, ConnectOptions, Credential, RedirectOptions, ResumeOptions } from "./types.ts";
import { linked } from "./waiting.ts";
import { type Watching, watchRequest } from "./watch.ts";

export interface Connecting extends Watching {
  locale: string | undefined;
}

/** Nobody is left who could try again: the watching ends here. */
const ENOUGH = Symbol("enough");

/**
 * The popup is opened before anything is awaited. What the API says of the request decides; the popup's messages and `closed` are hints.
 * After FAILED, DENIED or EXPIRED the window is left to the user, who may try again in it: the error comes when it is closed, or, where it
 * had looked closed before, when the user is back at this page.
 */
export async function connectByPopup(context: Connecting, options: ConnectOptions): Promise<Credential> {
  options.signal?.throwIfAborted();
  const popup = openPopup(options.popup);
  if (!popup && options.onBlocked === "redirect" && options.returnUrl)
    return startByRedirect(context, { ...options, returnUrl: options.returnUrl });
  if (!popup) throw new PopupBlocked();
  const { api } = context;
  let first: ConnectionRequest;
  let link: string | null;
  try {
    first = await startRequest(api, context.locale, options, { display: "POPUP", origin: thisPage().location.origin });
    link = linkOf(first, options.show);
  } catch (error) {
    popup.close();
    throw error;
  }
  if (!link) popup.close();
  // The window was still ours and empty: that it is closed is certain, and nobody has been anywhere.
  else if (!popup.goTo(link)) throw new ConnectionCanceled(await cancelRequest(api, first.id, options.signal));
  return follow(context, options, popup, first, link);
}

async function follow(
  context: Connecting,
  options: ConnectOptions,
  popup: OpenPopup,
  first: ConnectionRequest,
  link: string | null,
): Promise<Credential> {
  let latest = first;
  const watching = linked(options.signal);
  const over = () => FINAL.has(latest.status) && !latest.retriedBy;
  const endIfOver = () => {
    if (over()) watching.abort(ENOUGH);
  };
  const cancel = async () => {
    await cancelRequest(context.api, latest.id, options.signal);
  };
  const attending = link ? attend(context, options, popup, link, { latest: () => latest, cancel, endIfOver }) : null;
  try {
    options.onChange?.(first);
    const watchOptions = { signal: watching.signal, after: first.sequence, followRetries: link !== null };
    for await (const request of watchRequest(context, first.id, watchOptions)) {
      latest = request;
      options.onChange?.(request);
      if (request.status === "ACTIVE" || request.status === "CANCELED") {
        popup.close();
        break;
      }
      if (over()) attending?.believeAnew();
    }
  } catch (error) {
    if (error !== ENOUGH) throw error;
  } finally {
    attending?.stop();
    watching.unlink();
  }
  const outcome = outcomeOf(latest);
  if (outcome instanceof Error) throw outcome;
  return outcome;
}

interface Attended {
  latest(): ConnectionRequest;
  cancel(): Promise<void>;
  endIfOver(): void;
}

/** Keeps an eye and an ear on the popup. */
function attend(
  { wake }: Connecting,
  { onPopupClosed, cancelOnClose, show }: ConnectOptions,
  popup: OpenPopup,
  link: string,
  { latest, cancel, endIfOver }: Attended,
): Looking {
  const looking = watchClosing(popup, {
    onClosed() {
      endIfOver();
      // Most who close it, or have it closed, are done: the news may be lost with a connection that is being made again.
      wake.now();
    },
    onGone() {
      if (FINAL.has(latest().status)) return;
      const reopen = () => {
        const again = linkOf(latest(), show) ?? link;
        return popup.reopen(again);
      };
      onPopupClosed?.({ request: latest(), reopen, cancel });
    },
    onBelieved() {
      endIfOver();
      // Once the provider has answered, the answer counts, whether or not its window is still there.
      const undecided = latest().status === "PENDING" || latest().status === "AUTHORIZING";
      if (cancelOnClose && undecided) cancel().catch(() => {});
    },
  });
  const stopListening = onHint(link, ({ connectionRequestId, status }) => {
    const { id, status: known } = latest();
    if (connectionRequestId !== id || status !== known) wake.now();
  });
  return {
    believeAnew: looking.believeAnew,
    stop() {
      looking.stop();
      stopListening();
    },
  };
}

/** Leaves this page. */
export async function startByRedirect(context: Connecting, options: RedirectOptions): Promise<never> {
  const { returnUrl } = options;
  const request = await startRequest(context.api, context.locale, options, { display: "REDIRECT", returnUrl });
  const link = linkOf(request, options.show);
  const back = new URL(returnUrl);
  back.searchParams.set("connectionRequestId", request.id);
  options.signal?.throwIfAborted();
  // Without a link (client credentials) there is nowhere to go: `resume` watches it to its end.
  thisPage().location.assign(link ?? back.href);
  // The page is on its way out. What comes next belongs to the one that is come back to.
  return new Promise<never>((_resolve, reject) => {
    options.signal?.addEventListener("abort", () => reject(options.signal?.reason), { once: true });
  });
}

/** The other half: what the browser brought back is the request's id, and everything else is asked of the API. */
export async function resumeFromUrl(context: Connecting, options: ResumeOptions = {}): Promise<Credential | null> {
  const url = new URL(options.href ?? thisPage().location.href);
  const id = url.searchParams.get("connectionRequestId");
  if (!id) return null;
  if (options.href === undefined) forget(url);
  let latest: ConnectionRequest | null = null;
  let next: string | null = id;
  while (next) {
    for await (const request of watchRequest(context, next, { signal: options.signal })) {
      latest = request;
      options.onChange?.(request);
    }
    next = latest?.retriedBy?.id ?? null;
  }
  const outcome = outcomeOf(latest as ConnectionRequest);
  if (outcome instanceof Error) throw outcome;
  return outcome;
}

/** A reload, or a copied address, shall not come back to it. `clientState` is the product's own. */
function forget(url: URL): void {
  url.searchParams.delete("connectionRequestId");
  url.searchParams.delete("status");
  const { history } = thisPage();
  history.replaceState(history.state, "", url.href);
}
