import { useCallback, useEffect, useRef, useState } from "react";
import { useClient } from "urql";
import {
  type ConnectionStatus,
  ConnectRequestDocument,
  type ConnectRequestQuery,
  type ConnectStateFragment,
  ConnectUpdatesDocument,
} from "./gql.ts";
import { useWords } from "./words/use-words.ts";

export type Request = NonNullable<ConnectRequestQuery["connectionRequest"]>;

/** How often the state is asked for besides: where live updates fail, and where they seem to come, in case the socket has died unnoticed. */
const ASK_AGAIN_MS = { dead: 5_000, live: 20_000 };

const FINISHED: readonly ConnectionStatus[] = ["ACTIVE", "FAILED", "DENIED", "CANCELED", "EXPIRED"];

export const isFinished = (status: ConnectionStatus): boolean => FINISHED.includes(status);

export interface WatchedRequest {
  /** Null: not read yet. */
  request: Request | null;
  /** There is none of that id for this session. */
  isMissing: boolean;
  /** The last question got no answer. */
  isLost: boolean;
  read(): void;
  /** What a mutation has answered. */
  take(state: ConnectStateFragment): void;
}

/**
 * The request as it is: by the subscription, which goes on with the request that follows when somebody tries again, and by asking
 * when the page comes back to the front, the network returns, or live updates fail.
 */
export function useRequest(id: string, live: boolean, onFollowed: (id: string, before: string) => void): WatchedRequest {
  const client = useClient();
  const { tag } = useWords();
  const [request, setRequest] = useState<Request | null>(null);
  const [isMissing, setMissing] = useState(false);
  const [isLost, setLost] = useState(false);
  const current = useRef(id);
  current.current = id;

  const read = useCallback(async () => {
    const { data } = await client
      .query(ConnectRequestDocument, { id }, { requestPolicy: "network-only", language: tag })
      .toPromise();
    if (current.current !== id) return;
    setLost(!data);
    if (!data) return;
    const found = data.connectionRequest;
    setMissing(!found);
    if (found) setRequest((known) => (known?.id === id && known.sequence > found.sequence ? known : found));
    if (found?.retriedBy) onFollowed(found.retriedBy.id, id);
  }, [client, id, onFollowed, tag]);

  const take = useCallback(
    (state: ConnectStateFragment) => {
      if (state.id !== id) return onFollowed(state.id, id);
      setRequest((known) => (known?.id === id && known.sequence <= state.sequence ? { ...known, ...state } : known));
      if (state.retriedBy) onFollowed(state.retriedBy.id, id);
    },
    [id, onFollowed],
  );

  useEffect(() => void read(), [read]);
  useEffect(() => {
    const subscription = client.subscription(ConnectUpdatesDocument, { id }).subscribe(({ data }) => {
      if (data) take(data.connectionRequestUpdated);
    });
    return subscription.unsubscribe;
  }, [client, id, take]);
  useReturn(() => void read());

  const over = request?.id === id && isFinished(request.status);
  const pace = over ? null : ASK_AGAIN_MS[live && !isLost ? "live" : "dead"];
  useEffect(() => {
    if (pace === null) return;
    const timer = setInterval(() => void read(), pace);
    return () => clearInterval(timer);
  }, [pace, read]);

  return { request: request?.id === id ? request : null, isMissing, isLost, read: () => void read(), take };
}

/** The page is looked at again: it came back from the browser's memory, to the front, or online. */
function useReturn(returned: () => void): void {
  const latest = useRef(returned);
  latest.current = returned;
  useEffect(() => {
    const call = () => document.visibilityState === "visible" && latest.current();
    const shown = (event: PageTransitionEvent) => event.persisted && latest.current();
    document.addEventListener("visibilitychange", call);
    window.addEventListener("online", call);
    window.addEventListener("pageshow", shown);
    return () => {
      document.removeEventListener("visibilitychange", call);
      window.removeEventListener("online", call);
      window.removeEventListener("pageshow", shown);
    };
  }, []);
}
