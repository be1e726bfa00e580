import { useCallback, useEffect, useState } from "react";
import { useSearchParams } from "react-router";
import { usePages } from "../../shell/more.tsx";

/** The value as it was when it had been still for so long, so that not every key asks the server. */
function useStill<Value>(value: Value, milliseconds = 200): Value {
  const [still, setStill] = useState(value);
  useEffect(() => {
    const timer = setTimeout(() => setStill(value), milliseconds);
    return () => clearTimeout(timer);
  }, [value, milliseconds]);
  return still;
}

export type Filters = ReturnType<typeof useFilters>;

/** Filters live in the address: a reload, a link and the browser's back button find them again. Empty: none. */
export function useFilters() {
  const [parameters, setParameters] = useSearchParams();
  const set = useCallback(
    (name: string, value: string) =>
      setParameters(
        (present) => {
          const next = new URLSearchParams(present);
          if (value === "") next.delete(name);
          else next.set(name, value);
          return next;
        },
        { replace: true },
      ),
    [setParameters],
  );
  return { get: (name: string) => parameters.get(name) ?? "", set };
}

/** What is searched for, `q` in the address, and the field that it is typed in. */
export function useSearch({ get, set }: Filters) {
  const [value, setValue] = useState(get("q"));
  const search = useStill(value.trim());
  const onChange = (text: string) => {
    setValue(text);
    set("q", text.trim());
  };
  return { search, field: { label: "Search", value, onChange } };
}

/** One member, or nothing to filter by. */
export function only<Value extends string>(value: string): Value[] | undefined {
  return value === "" ? undefined : [value as Value];
}

/** Pages of a list that begins again at the front when what is asked for changes. */
export function usePagesOf(asked: object) {
  const key = JSON.stringify(asked);
  const pages = usePages();
  const [known, setKnown] = useState(key);
  const isNew = known !== key;
  if (isNew) {
    setKnown(key);
    pages.restart();
  }
  return isNew ? { ...pages, after: null, page: 1 } : pages;
}
