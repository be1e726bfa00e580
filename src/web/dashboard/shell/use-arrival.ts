import { useEffect, useRef } from "react";
import { useLocation, useNavigationType } from "react-router";

/** By then a dialog that led here has tried to give the focus back. */
const SETTLED_MS = 100;

/**
 * What a browser does by itself where each page is a document of its own: a new one begins at its top, and a focus whose link went
 * with the page before is on the new one. The navigation shows where one is, where it scrolls sideways; it gets the ref.
 */
export function useArrival(entered: boolean) {
  const nav = useRef<HTMLElement>(null);
  const { pathname, search } = useLocation();
  const place = pathname + search;
  const way = useNavigationType();
  const shown = useRef(entered ? null : place);

  useEffect(() => {
    const current = nav.current?.querySelector<HTMLElement>("[aria-current=page]");
    if (current) nav.current?.scrollTo({ left: current.offsetLeft - current.offsetWidth / 2 });
    if (shown.current === place) return;
    const isOther = shown.current?.split("?")[0] !== pathname;
    shown.current = place;
    if (way === "PUSH" && isOther) scrollTo(0, 0);
    const timer = setTimeout(() => {
      if (document.activeElement !== document.body) return;
      if (way === "PUSH") scrollTo(0, 0);
      document.getElementById("content")?.focus({ preventScroll: true });
    }, SETTLED_MS);
    return () => clearTimeout(timer);
  }, [place, pathname, way]);
  return nav;
}
