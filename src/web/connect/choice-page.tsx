import { useCallback, useEffect, useState } from "react";
import { type Problem, useAction } from "../api/use-action.ts";
import { BeforeStart } from "./choice-before.tsx";
import { ConnectorList } from "./choice-list.tsx";
import type { ChoiceConfig, ChoiceConnector } from "./choice-types.ts";
import { ConnectBeginDocument, ConnectMendDocument } from "./gql.ts";
import { RequestPage } from "./request-page.tsx";
import type { ChoiceLink } from "./session.ts";
import { keepWayBack } from "./way-back.ts";
import type { Language } from "./words/languages.ts";

export interface ChoicePageProps {
  link: ChoiceLink;
  live: boolean;
  language: Language;
}

type View = { kind: "LIST" } | { kind: "BEFORE"; connector: ChoiceConnector; config: ChoiceConfig };

/** A link with a choice: the list, and the request that was begun from it, which stands in the address so that a reload goes on with it. */
export function ChoicePage({ link, live, language }: ChoicePageProps) {
  const [requestId, setRequestId] = useRequestInAddress();
  const [view, setView] = useState<View>({ kind: "LIST" });
  const beginning = useAction(ConnectBeginDocument);
  const mending = useAction(ConnectMendDocument);
  useEffect(() => {
    if (requestId) keepWayBack(requestId);
  }, [requestId]);
  const follow = useCallback((id: string) => setRequestId(id, true), [setRequestId]);
  const toList = useCallback(() => {
    setView({ kind: "LIST" });
    setRequestId(null);
  }, [setRequestId]);

  async function begin(config: ChoiceConfig, parameters: Record<string, unknown> | null): Promise<Problem | null> {
    const outcome = await beginning.run({ target: { authConfigId: config.id }, parameters, locale: language });
    if (!outcome.ok) return outcome.problem;
    setRequestId(outcome.payload.connectionRequest.id);
    return null;
  }
  async function mend(id: string): Promise<void> {
    const outcome = await mending.run({ id, locale: language });
    if (outcome.ok) setRequestId(outcome.payload.connectionRequest.id);
  }
  function choose(connector: ChoiceConnector, config: ChoiceConfig): void {
    beginning.reset();
    if (config.initiationFields.length > 0) setView({ kind: "BEFORE", connector, config });
    else void begin(config, null);
  }

  if (requestId)
    return (
      <RequestPage
        id={requestId}
        onFollowed={follow}
        live={live}
        display="REDIRECT"
        origin={null}
        clientState={null}
        returnUrl={link.returnUrl}
        onLeave={toList}
      />
    );
  const pending = beginning.pending || mending.pending;
  if (view.kind === "BEFORE")
    return (
      <BeforeStart
        {...view}
        problem={beginning.problem}
        pending={pending}
        onBegin={(parameters) => begin(view.config, parameters)}
        onLeave={toList}
      />
    );
  const problem: Problem | null = beginning.problem ?? mending.problem;
  return <ConnectorList link={link} problem={problem} pending={pending} onChoose={choose} onMend={(id) => void mend(id)} />;
}

/** The request's id behind the `#`, with the browser's own back and forward. */
function useRequestInAddress() {
  const [id, setId] = useState(read);
  useEffect(() => {
    const changed = () => setId(read());
    window.addEventListener("popstate", changed);
    return () => window.removeEventListener("popstate", changed);
  }, []);
  const set = useCallback((next: string | null, replace = false) => {
    const url = next ? `#${next}` : location.pathname + location.search;
    if (replace) history.replaceState(null, "", url);
    else history.pushState(null, "", url);
    setId(next);
  }, []);
  return [id, set] as const;
}

function read(): string | null {
  return /^#(req_\w+)$/.exec(location.hash)?.[1] ?? null;
}
