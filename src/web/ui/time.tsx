const UNITS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 31_536_000],
  ["month", 2_592_000],
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
];

/** "3 minutes ago", with the exact time in the title. */
export function Time({ at, locale = "en" }: { at: string | null | undefined; locale?: string }) {
  if (!at) return <span className="soft">–</span>;
  const date = new Date(at);
  return (
    <time dateTime={at} title={date.toLocaleString(locale)}>
      {relative(date, locale)}
    </time>
  );
}

export function relative(date: Date, locale: string): string {
  const seconds = Math.round((date.getTime() - Date.now()) / 1_000);
  const format = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });
  for (const [unit, size] of UNITS) if (Math.abs(seconds) >= size) return format.format(Math.round(seconds / size), unit);
  return format.format(0, "second");
}
