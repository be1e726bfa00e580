/** One `name=value` a line, as somebody types parameters. */
export function linesOf(values: Readonly<Record<string, unknown>>): string {
  return Object.entries(values)
    .map(([name, value]) => `${name}=${value}`)
    .join("\n");
}

/** The same the other way round; null where nothing is typed. */
export function valuesOf(lines: string): Record<string, string> | null {
  const pairs = lines
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean)
    .map((line) => {
      const at = line.indexOf("=");
      return at < 0 ? ([line, ""] as const) : ([line.slice(0, at).trim(), line.slice(at + 1).trim()] as const);
    });
  return pairs.length > 0 ? Object.fromEntries(pairs) : null;
}
