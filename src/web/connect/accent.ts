type Rgb = readonly [red: number, green: number, blue: number];

/** WCAG 2.2, 1.4.3. */
const ENOUGH = 4.5;
const BLACK: Rgb = [0, 0, 0];
const WHITE: Rgb = [255, 255, 255];
/** The grounds that the accent stands on, those of tokens.css. */
const GROUNDS = { light: ["#ffffff", "#f4f6f8"], dark: ["#1b222b", "#12171d"] } as const;

interface Shades {
  accent: string;
  hover: string;
  soft: string;
  on: string;
}

/** The project's color in both schemes, made darker or lighter until it can be read on every ground and be written upon. Null: not a color. */
export function shadesOf(color: string): Record<"light" | "dark", Shades> | null {
  const rgb = parse(color);
  return rgb && { light: adapt(rgb, "light"), dark: adapt(rgb, "dark") };
}

/** Colors the whole page with the project's accent; ours where it has none. */
export function applyAccent(color: string | null): void {
  const shades = color ? shadesOf(color) : null;
  if (!shades) return;
  const set = (name: string, key: keyof Shades) =>
    document.documentElement.style.setProperty(name, `light-dark(${shades.light[key]}, ${shades.dark[key]})`);
  set("--accent", "accent");
  set("--accent-hover", "hover");
  set("--accent-soft", "soft");
  set("--on-accent", "on");
}

function adapt(color: Rgb, scheme: "light" | "dark"): Shades {
  const grounds = GROUNDS[scheme].map((ground) => parse(ground)!);
  const away = scheme === "light" ? BLACK : WHITE;
  for (let share = 0; ; share += 0.02) {
    const accent = mix(color, away, Math.min(share, 1));
    const soft = mix(grounds[0]!, accent, 0.12);
    if (share >= 1 || [...grounds, soft].every((ground) => contrast(accent, ground) >= ENOUGH))
      return { accent: hex(accent), hover: hex(mix(accent, away, 0.2)), soft: hex(soft), on: hex(readableOn(accent)) };
  }
}

/** One of the two has 4.5:1 on any color (the product of their contrasts is 21). */
function readableOn(ground: Rgb): Rgb {
  return contrast(WHITE, ground) >= ENOUGH ? WHITE : BLACK;
}

function contrast(first: Rgb, second: Rgb): number {
  const [light, dark] = [luminance(first), luminance(second)].sort((a, b) => b - a) as [number, number];
  return (light + 0.05) / (dark + 0.05);
}

/** WCAG 2.2, "relative luminance". */
function luminance([red, green, blue]: Rgb): number {
  const linear = (value: number) => (value <= 10.31475 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4);
  return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
}

function mix(from: Rgb, to: Rgb, share: number): Rgb {
  const part = (index: 0 | 1 | 2) => Math.round(from[index] + (to[index] - from[index]) * share);
  return [part(0), part(1), part(2)];
}

function parse(color: string): Rgb | null {
  const [, digits] = /^#([0-9a-f]{6})$/i.exec(color) ?? [];
  if (!digits) return null;
  const at = (index: number) => Number.parseInt(digits.slice(index, index + 2), 16);
  return [at(0), at(2), at(4)];
}

function hex(rgb: Rgb): string {
  return `#${rgb.map((value) => value.toString(16).padStart(2, "0")).join("")}`;
}
