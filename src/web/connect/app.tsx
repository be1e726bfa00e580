import { lazy, type ReactNode, Suspense, useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import { Provider, useQuery } from "urql";
import { createApi } from "../api/client.ts";
import { Button } from "../ui/button.tsx";
import { Loading } from "../ui/show.tsx";
import { UiWordsProvider } from "../ui/words.ts";
import { applyAccent } from "./accent.ts";
import { BrandProvider, brandOf, NO_BRAND } from "./brand.ts";
import { Frame } from "./frame.tsx";
import { ConnectBrandDocument } from "./gql.ts";
import { Boundary, NoCookies, Refused } from "./outside.tsx";
import { RequestPage } from "./request-page.tsx";
import { type ChoiceLink, type Exchange, type Link, openSession, type RequestLink } from "./session.ts";
import { Step } from "./step.tsx";
import { useLanguage } from "./use-language.ts";
import { useOnline } from "./use-online.ts";
import type { Language } from "./words/languages.ts";
import { useWords, WordsProvider } from "./words/use-words.ts";
import type { Words } from "./words/words.ts";

const ChoicePage = lazy(() => import("./choice-page.tsx").then((module) => ({ default: module.ChoicePage })));

const AT_ONCE_MS = 4_000;
const TRIES = 2;

export interface ConnectAppProps {
  token: string;
  first: { exchange: Exchange; language: Language; words: Words };
}

/** From the link to the page that it is for. */
export function ConnectApp({ token, first }: ConnectAppProps) {
  const [exchange, setExchange] = useState<Exchange | { kind: "NO_COOKIES" }>(first.exchange);
  const locale = "locale" in first.exchange ? first.exchange.locale : null;
  const { language, words, choose } = useLanguage(first, locale);
  const asked = useRef({ now: false, at: performance.now(), inVain: 0 });

  const ask = useCallback(async () => {
    if (asked.current.now) return;
    asked.current.now = true;
    setExchange(await openSession(token));
    asked.current.now = false;
    asked.current.at = performance.now();
  }, [token]);
  const signedOut = useCallback(() => {
    const { now, at, inVain } = asked.current;
    if (now) return;
    // A session that ends as soon as it is given, again and again: the browser does not keep it.
    asked.current.inVain = performance.now() - at < AT_ONCE_MS ? inVain + 1 : 0;
    if (asked.current.inVain > TRIES) setExchange({ kind: "NO_COOKIES" });
    else void ask();
  }, [ask]);

  const frame = (content: ReactNode) => (
    <Frame language={language} onLanguage={choose}>
      <Boundary words={words}>{content}</Boundary>
    </Frame>
  );
  return (
    <WordsProvider value={words}>
      <UiWordsProvider value={words.ui}>
        {exchange.kind === "UNREACHABLE" ? (
          frame(<Unreachable onAgain={() => void ask()} />)
        ) : exchange.kind === "NO_COOKIES" ? (
          frame(<NoCookies onAgain={() => location.reload()} />)
        ) : exchange.kind === "REFUSED" ? (
          <BrandProvider value={{ ...NO_BRAND, name: exchange.productName }}>
            {frame(<Refused refusal={exchange} />)}
          </BrandProvider>
        ) : (
          <Inside link={exchange} language={language} onSignedOut={signedOut} frame={frame} />
        )}
      </UiWordsProvider>
    </WordsProvider>
  );
}

/** Nothing is known of the link yet: asked again by itself as soon as there is a chance. */
function Unreachable({ onAgain }: { onAgain(): void }) {
  const { page } = useWords();
  const online = useOnline();
  const again = useRef(onAgain);
  again.current = onAgain;
  useEffect(() => {
    if (!online) return;
    const timer = setInterval(() => again.current(), 3_000);
    return () => clearInterval(timer);
  }, [online]);
  return (
    <Step title={online ? page.moment : page.offline}>
      <p role="status">{online ? page.noAnswer : page.offlineRemedy}</p>
      <div className="row">
        <Button variant="primary" onPress={onAgain}>
          {page.tryAgain}
        </Button>
      </div>
    </Step>
  );
}

interface InsideProps {
  link: Link;
  language: Language;
  onSignedOut(): void;
  frame(content: ReactNode): ReactNode;
}

/** Everything behind the session. A link that is exchanged again gets a socket of its own again. */
function Inside({ link, language, onSignedOut, frame }: InsideProps) {
  const [live, setLive] = useState(true);
  const signedOut = useRef(onSignedOut);
  signedOut.current = onSignedOut;
  const spoken = useRef(language);
  spoken.current = language;
  const api = useMemo(
    () => createApi({ session: link.session, locale: spoken.current, onSignedOut: () => signedOut.current(), onLive: setLive }),
    [link],
  );
  // Before anything below asks again because of it.
  useLayoutEffect(() => api.speak(language), [api, language]);
  useEffect(() => () => api.close(), [api]);
  return (
    <Provider value={api.client}>
      <Branded frame={frame}>
        {link.kind === "REQUEST" ? (
          <OneRequest link={link} live={live} />
        ) : (
          <Choice link={link} live={live} language={language} />
        )}
      </Branded>
    </Provider>
  );
}

function Branded({ frame, children }: { frame(content: ReactNode): ReactNode; children: ReactNode }) {
  const [{ data }] = useQuery({ query: ConnectBrandDocument });
  const brand = useMemo(() => (data ? brandOf(data.viewer) : NO_BRAND), [data]);
  useLayoutEffect(() => applyAccent(brand.accent), [brand.accent]);
  return <BrandProvider value={brand}>{frame(children)}</BrandProvider>;
}

function OneRequest({ link, live }: { link: RequestLink; live: boolean }) {
  const [id, setId] = useState(link.connectionRequestId);
  useEffect(() => setId(link.connectionRequestId), [link]);
  return (
    <RequestPage
      id={id}
      onFollowed={setId}
      live={live}
      display={link.display}
      origin={link.origin}
      clientState={link.clientState}
    />
  );
}

function Choice({ link, live, language }: { link: ChoiceLink; live: boolean; language: Language }) {
  const { page } = useWords();
  return (
    <Suspense fallback={<Loading label={page.loading} />}>
      <ChoicePage link={link} live={live} language={language} />
    </Suspense>
  );
}
