/** `{now}`, some time after it, and how it is written: `{now+7d:date}`. By this machine's own clock: it is the provider who compares it. */

const FORMATS = {
  /** RFC 3339 in UTC, to the second. */
  iso: (at: Date) => `${at.toISOString().slice(0, 19)}Z`,
  /** The same without its zone. */
  dateTime: (at: Date) => at.toISOString().slice(0, 19),
  date: (at: Date) => at.toISOString().slice(0, 10),
  /** RFC 5322 section 3.3. */
  rfc2822: (at: Date) => at.toUTCString().replace(/GMT$/, "+0000"),
  /** Seconds since 1970. */
  unix: (at: Date) => String(Math.floor(at.getTime() / 1000)),
};

const SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 };

const MOMENT = /^now(?:\+(\d{1,6})([smhd]))?(?::(iso|dateTime|date|rfc2822|unix))?$/;

export function isMoment(name: string): boolean {
  return MOMENT.test(name);
}

/** As text; `name` is one that {@link isMoment} accepts. */
export function momentOf(name: string, now: Date): string {
  const [, count = "0", unit = "s", format = "iso"] = MOMENT.exec(name) ?? [];
  const later = Number(count) * SECONDS[unit as keyof typeof SECONDS];
  return FORMATS[format as keyof typeof FORMATS](new Date(now.getTime() + later * 1000));
}
