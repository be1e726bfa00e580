import type { CSSProperties, ReactNode } from "react";
import { useEffect, useRef, useState } from "react";
import { Button } from "./button.tsx";
import { useUiWords } from "./words.ts";

export type Tone = "neutral" | "good" | "warn" | "bad" | "live";

export function Badge({ tone = "neutral", children }: { tone?: Tone; children: ReactNode }) {
  return (
    <span className="badge" data-tone={tone}>
      {children}
    </span>
  );
}

/** `live`: read out when it appears (an error at once, the rest politely). */
export function Notice({
  tone = "neutral",
  title,
  live,
  children,
}: {
  tone?: Tone;
  title?: string;
  live?: boolean;
  children?: ReactNode;
}) {
  return (
    <div className="notice" data-tone={tone} role={live ? (tone === "bad" ? "alert" : "status") : undefined}>
      {title && <b>{title}</b>}
      {children}
    </div>
  );
}

/** The logo, or the initials on a colour that the name decides. Says nothing to a screen reader: the name stands beside it. */
export function Avatar({ name, src, large }: { name: string; src?: string | null; large?: boolean }) {
  const [broken, setBroken] = useState(false);
  const style = { "--hue": hueOf(name) } as CSSProperties;
  return (
    <span className="avatar" style={style} data-large={large || undefined} aria-hidden="true">
      {src && !broken ? <img src={src} alt="" onError={() => setBroken(true)} /> : initialsOf(name)}
    </span>
  );
}

function initialsOf(name: string): string {
  const words = name.split(/[^\p{L}\p{N}]+/u).filter(Boolean);
  const letters = words.length > 1 ? words.slice(0, 2).map((word) => [...word][0]) : [...(words[0] ?? "?")].slice(0, 2);
  return letters.join("").toUpperCase();
}

function hueOf(name: string): number {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 360;
  return hash;
}

/** A value with a button that copies it; `label` says what it is ("credential id"). */
export function Copyable({ value, label, wrap }: { value: string; label: string; wrap?: boolean }) {
  const words = useUiWords();
  const [copied, setCopied] = useState(false);
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  async function copy() {
    await navigator.clipboard.writeText(value);
    setCopied(true);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setCopied(false), 2_000);
  }
  return (
    <span className="copy" data-wrap={wrap || undefined}>
      <code>{value}</code>
      <Button small onPress={() => void copy()} aria-label={copied ? undefined : words.copyOf(label)}>
        {copied ? words.copied : words.copy}
      </Button>
      <span className="visually-hidden" role="status">
        {copied ? words.copied : ""}
      </span>
    </span>
  );
}

export function EmptyState({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Pairs of a term and what it is; a null value is left out. */
export function Facts({ items }: { items: readonly (readonly [term: string, value: ReactNode])[] }) {
  return (
    <dl className="facts">
      {items
        .filter(([, value]) => value !== null && value !== undefined && value !== "")
        .map(([term, value]) => (
          <FactsRow key={term} term={term} value={value} />
        ))}
    </dl>
  );
}

function FactsRow({ term, value }: { term: string; value: ReactNode }) {
  return (
    <>
      <dt>{term}</dt>
      <dd>{value}</dd>
    </>
  );
}

/** While something is loaded; said once, politely. */
export function Loading({ label }: { label: string }) {
  return (
    <p className="row soft" role="status">
      <span className="spinner" aria-hidden="true" /> {label}
    </p>
  );
}
