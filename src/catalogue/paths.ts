/** The value at a dotted path of a JSON answer; undefined where the path leads nowhere. Numbers index lists. */
export function atPath(value: unknown, path: string): unknown {
  let here: unknown = value;
  for (const key of path.split(".")) {
    if (typeof here !== "object" || here === null || !Object.hasOwn(here, key)) return undefined;
    here = (here as Record<string, unknown>)[key];
  }
  return here;
}

/** The first path that leads to a text or number, as text. */
export function textAt(value: unknown, paths: readonly string[] | undefined): string | null {
  for (const path of paths ?? []) {
    const found = atPath(value, path);
    if (typeof found === "string" && found !== "") return found;
    if (typeof found === "number" && Number.isFinite(found)) return String(found);
  }
  return null;
}
