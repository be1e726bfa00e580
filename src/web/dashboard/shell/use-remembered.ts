import { useEffect, useState } from "react";

const PREFIX = "moorline:";

/**
 * State that belongs to this entry of the browser's history: whoever goes back to a list, or reloads, finds it where they left it.
 * `name` tells several on one page apart; the value must be one that can be cloned.
 */
export function useRemembered<Value>(name: string, initial: Value) {
  const key = PREFIX + name;
  const [value, setValue] = useState<Value>(() => {
    const entry = (history.state ?? {}) as Record<string, unknown>;
    return key in entry ? (entry[key] as Value) : initial;
  });
  useEffect(() => {
    // Beside what the router keeps there.
    history.replaceState({ ...(history.state as object | null), [key]: value }, "");
  }, [key, value]);
  return [value, setValue] as const;
}
