import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { createMoorline } from "./moorline.ts";
import type { ConnectionRequest, ConnectOptions, Credential, Moorline, MoorlineOptions, PopupClosed } from "./types.ts";

/** Either a client that is there already, or what to make one from. */
export type Source = { moorline: Moorline } | (MoorlineOptions & { moorline?: undefined });

/** `Omit` for each member of a union. */
type Without<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

export type UseConnectOptions = Source & Without<ConnectOptions, "signal" | "onChange" | "onPopupClosed">;

export interface UseConnect {
  /** For `onClick`. Begins; while a connection is under way, opens its window again. Never rejects: see `error`. */
  connect: () => Promise<Credential | null>;
  /** `waiting`: the popup seems to be gone, and nothing has been decided: offer `connect` (opens it again) and `cancel`. */
  status: "idle" | "connecting" | "waiting" | "connected" | "failed";
  /** How far it is; null before it is known. */
  request: ConnectionRequest | null;
  credential: Credential | null;
  /** One of the errors of `connect` in moorline/client; null unless `failed`. */
  error: Error | null;
  /** Ends what is under way. */
  cancel: () => Promise<void>;
  /** Forgets what was, and listens no more to what is under way. */
  reset: () => void;
}

interface State {
  status: UseConnect["status"];
  request: ConnectionRequest | null;
  credential: Credential | null;
  error: Error | null;
}

const IDLE: State = { status: "idle", request: null, credential: null, error: null };

/** A button that connects an account. A component that goes away stops listening and cancels nothing. */
export function useConnect(options: UseConnectOptions): UseConnect {
  const moorline = useMoorline(options);
  const latest = useLatest(options);
  const [state, setState] = useState(IDLE);
  const running = useRef<{ controller: AbortController; closed: PopupClosed | null; request: ConnectionRequest | null } | null>(
    null,
  );

  const stop = useCallback(() => {
    running.current?.controller.abort();
    running.current = null;
  }, []);
  useEffect(() => stop, [stop]);

  const connect = useCallback(async () => {
    const before = running.current;
    if (before?.closed?.reopen()) {
      before.closed = null;
      setState((state) => ({ ...state, status: "connecting" }));
      return null;
    }
    stop();
    const run = {
      controller: new AbortController(),
      closed: null as PopupClosed | null,
      request: null as ConnectionRequest | null,
    };
    running.current = run;
    const update = (change: Partial<State>) => {
      if (running.current === run) setState((state) => ({ ...state, ...change }));
    };
    setState({ ...IDLE, status: "connecting" });
    try {
      const credential = await moorline().connect({
        ...(latest.current as ConnectOptions),
        signal: run.controller.signal,
        onChange(request) {
          run.request = request;
          update({ request });
        },
        onPopupClosed(closed) {
          run.closed = closed;
          update({ status: "waiting" });
        },
      });
      update({ status: "connected", credential });
      return credential;
    } catch (thrown) {
      update({ status: "failed", error: thrown instanceof Error ? thrown : new Error(String(thrown)) });
      return null;
    } finally {
      if (running.current === run) running.current = null;
    }
  }, [moorline, latest, stop]);

  const cancel = useCallback(async () => {
    const id = running.current?.request?.id;
    if (id) await moorline().cancel(id);
  }, [moorline]);

  const reset = useCallback(() => {
    stop();
    setState(IDLE);
  }, [stop]);

  return { ...state, connect, cancel, reset };
}

/** A request as it is, live. Null: none is given, or nothing is known of it yet. */
export function useConnectionRequest(
  id: string | null | undefined,
  options: Source & { followRetries?: boolean },
): { request: ConnectionRequest | null; error: Error | null } {
  const moorline = useMoorline(options);
  const { followRetries } = options;
  const [state, setState] = useState<{ request: ConnectionRequest | null; error: Error | null }>({ request: null, error: null });
  useEffect(() => {
    setState({ request: null, error: null });
    if (!id) return;
    const controller = new AbortController();
    const { signal } = controller;
    (async () => {
      try {
        for await (const request of moorline().watch(id, { signal, followRetries })) setState({ request, error: null });
      } catch (thrown) {
        if (!signal.aborted) setState(({ request }) => ({ request, error: thrown as Error }));
      }
    })();
    return () => controller.abort();
  }, [id, followRetries, moorline]);
  return state;
}

/** The client that is given, or one of the component's own, made when it is first needed and closed with the component. */
function useMoorline(source: Source): () => Moorline {
  const latest = useLatest(source);
  const given = source.moorline;
  const url = given ? null : (source as MoorlineOptions).url;
  const locale = given ? null : (source as MoorlineOptions).locale;
  const own = useMemo(() => {
    let made: Moorline | null = null;
    return {
      get(): Moorline {
        if (given) return given;
        const options = latest.current as MoorlineOptions;
        // A string may be another one at the next rendering: always the present one.
        const session = async () => {
          const { session: present } = latest.current as MoorlineOptions;
          return typeof present === "function" ? present() : present;
        };
        made ??= createMoorline({ ...options, url: url ?? undefined, locale: locale ?? undefined, session });
        return made;
      },
      close() {
        made?.close();
        made = null;
      },
    };
  }, [given, url, locale, latest]);
  useEffect(() => () => own.close(), [own]);
  return own.get;
}

/** What was given last, for callbacks that are called later. */
function useLatest<T>(value: T): { readonly current: T } {
  const ref = useRef(value);
  useEffect(() => {
    ref.current = value;
  });
  return ref;
}
