import { useEffect, useState } from "react";
import { useRemembered } from "./use-remembered.ts";

const PAUSE_MS = 200;

/** What is typed at once, and what is asked of the server after a pause in typing; null: nothing is typed. */
export function useSearchText(onAsk: () => void): [text: string, search: string | null, setText: (text: string) => void] {
  const [search, setSearch] = useRemembered<string | null>("search", null);
  const [text, setText] = useState(search ?? "");
  useEffect(() => {
    const wanted = text.trim() || null;
    if (wanted === search) return;
    const timer = setTimeout(() => {
      setSearch(wanted);
      onAsk();
    }, PAUSE_MS);
    return () => clearTimeout(timer);
  }, [text, search, setSearch, onAsk]);
  return [text, search, setText];
}
