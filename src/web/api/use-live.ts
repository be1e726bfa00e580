import { createContext, useContext, useEffect, useRef } from "react";
import { type AnyVariables, type TypedDocumentNode, useClient } from "urql";

/** How often live updates came back after they had been off. */
export const Reconnects = createContext(0);

const PAUSE_MS = 150;

/**
 * Reads again whatever the page shows, shortly after something that the subscription tells; once for many that come together. After a
 * lost connection, too: what happened meanwhile is not told again.
 */
export function useLive<Variables extends AnyVariables>(
  query: TypedDocumentNode<unknown, Variables>,
  variables: Variables,
  readAgain: (options: { requestPolicy: "network-only" }) => void,
): void {
  const client = useClient();
  const reconnects = useContext(Reconnects);
  const latest = useRef(readAgain);
  latest.current = readAgain;
  const key = JSON.stringify(variables);

  useEffect(() => {
    if (reconnects > 0) latest.current({ requestPolicy: "network-only" });
  }, [reconnects]);
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const { unsubscribe } = client.subscription(query, JSON.parse(key) as Variables).subscribe(() => {
      clearTimeout(timer);
      timer = setTimeout(() => latest.current({ requestPolicy: "network-only" }), PAUSE_MS);
    });
    return () => {
      clearTimeout(timer);
      unsubscribe();
    };
  }, [client, query, key]);
}
