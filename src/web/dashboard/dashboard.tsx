import { type ReactNode, Suspense, useCallback, useEffect, useMemo, useState } from "react";
import { BrowserRouter, Navigate, Route, Routes } from "react-router";
import { Provider, useQuery } from "urql";
import { createApi } from "../api/client.ts";
import { DashboardViewerDocument } from "../api/gql.ts";
import { Reconnects } from "../api/use-live.ts";
import { Loading, Notice } from "../ui/show.tsx";
import { AREAS, type Area } from "./areas.tsx";
import { Crash } from "./shell/crash.tsx";
import { Loads, NotFound } from "./shell/page.tsx";
import { type DashboardSession, readSession, signOut, switchProject } from "./shell/session.ts";
import { Shell } from "./shell/shell.tsx";
import { SignIn } from "./shell/sign-in.tsx";
import { useMay, ViewerContext } from "./shell/viewer.ts";

type State =
  | { kind: "ASKING" }
  | { kind: "OUT"; reason: string | null; since: number }
  /** `entered`: by signing in just now, not by opening a page. */
  | { kind: "IN"; session: DashboardSession; since: number; entered: boolean }
  | { kind: "FAILED"; message: string };

/** Where the key that the session acts as is gone, it goes on as another one that it holds. */
async function currentSession(): Promise<DashboardSession | null> {
  const session = await readSession();
  const [first] = session?.projects ?? [];
  if (!first || session?.projects.some((project) => project.current)) return session;
  await switchProject(first.key);
  return readSession();
}

/** Nobody is signed in, or somebody is: nothing of the API is asked before that is known. */
export function Dashboard() {
  const [state, setState] = useState<State>({ kind: "ASKING" });

  const ask = useCallback(async (reason: string | null = null) => {
    try {
      const session = hasLink() ? null : await currentSession();
      const since = performance.now();
      setState(({ kind }) =>
        session ? { kind: "IN", session, since, entered: kind === "OUT" } : { kind: "OUT", reason, since },
      );
    } catch (error) {
      setState({ kind: "FAILED", message: error instanceof Error ? error.message : String(error) });
    }
  }, []);
  useEffect(() => void ask(), [ask]);
  // A link pasted where the dashboard is open already changes the hash alone, and loads nothing.
  useEffect(() => {
    const onHash = () => hasLink() && void ask();
    addEventListener("hashchange", onHash);
    return () => removeEventListener("hashchange", onHash);
  }, [ask]);

  if (state.kind === "ASKING") return <Loading label="Loading…" />;
  if (state.kind === "FAILED")
    return (
      <Notice tone="bad" title="Moorline could not be reached." live>
        {state.message}
      </Notice>
    );
  if (state.kind === "OUT") return <SignIn key={state.since} reason={state.reason} onSignedIn={ask} />;
  return <SignedIn key={state.since} session={state.session} entered={state.entered} onEnded={ask} />;
}

function hasLink(): boolean {
  return location.hash.startsWith("#sign-in=");
}

interface SignedInProps {
  session: DashboardSession;
  entered: boolean;
  onEnded(reason: string | null): Promise<void>;
}

function SignedIn({ session, entered, onEnded }: SignedInProps) {
  const [live, setLive] = useState({ on: true, reconnects: 0 });
  const api = useMemo(() => {
    const onLive = (on: boolean) =>
      setLive((known) => (known.on === on ? known : { on, reconnects: known.reconnects + Number(on) }));
    return createApi({
      session: "dashboard",
      locale: "en",
      onSignedOut: () => void onEnded("Your session has ended. Sign in again."),
      onLive,
    });
  }, [onEnded]);
  useEffect(() => () => api.close(), [api]);

  async function leave(): Promise<void> {
    await signOut();
    await onEnded(null);
  }

  return (
    <Provider value={api.client}>
      <Reconnects value={live.reconnects}>
        <WithViewer>
          <BrowserRouter>
            <Routes>
              <Route element={<Shell session={session} entered={entered} live={live.on} onSignOut={() => void leave()} />}>
                {AREAS.map((area) => (
                  <Route key={area.path} path={area.path} element={<AreaPage key={area.path} area={area} />} />
                ))}
                <Route path="/sign-in" element={<Navigate to="/" replace />} />
                <Route path="*" element={<NotFound />} />
              </Route>
            </Routes>
          </BrowserRouter>
        </WithViewer>
      </Reconnects>
    </Provider>
  );
}

function WithViewer({ children }: { children: ReactNode }) {
  const [result] = useQuery({ query: DashboardViewerDocument });
  return (
    <Loads result={result} what="your session">
      {(data) => <ViewerContext value={data.viewer}>{children}</ViewerContext>}
    </Loads>
  );
}

/** What the role may not see is not there, for whoever types its address, too. */
function AreaPage({ area: { needs, Component } }: { area: Area }) {
  const may = useMay();
  if (needs && !may(needs)) return <NotFound />;
  return (
    <Crash>
      <Suspense fallback={<Loading label="Loading…" />}>
        <Component />
      </Suspense>
    </Crash>
  );
}
