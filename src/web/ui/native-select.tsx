import { type ReactNode, useId } from "react";
import type { Choice } from "./choice.tsx";
import { useUiWords } from "./words.ts";

export interface NativeSelectProps {
  label: string;
  help?: ReactNode;
  error?: string | null;
  choices: readonly Choice[];
  /** Empty: nothing is chosen. */
  value: string;
  onChange(value: string): void;
  onBlur?(): void;
  isRequired?: boolean;
  autoFocus?: boolean;
}

/** The browser's own list: the best there is on a phone, and nothing to load. What is chosen is described below it. */
export function NativeSelect({ label, help, error, choices, value, onChange, onBlur, isRequired, autoFocus }: NativeSelectProps) {
  const words = useUiWords();
  const id = useId();
  const chosen = choices.find((choice) => choice.value === value);
  const helpId = help || chosen?.description ? `${id}-help` : null;
  const errorId = error ? `${id}-error` : null;
  return (
    <div className="field" data-invalid={error ? true : undefined}>
      <label htmlFor={id}>
        {label}
        {!isRequired && <span className="soft optional"> ({words.optional})</span>}
      </label>
      {helpId && (
        <div id={helpId} className="field-help">
          {help}
          {chosen?.description && <div>{chosen.description}</div>}
        </div>
      )}
      <select
        id={id}
        className="input"
        value={value}
        onChange={({ target }) => onChange(target.value)}
        onBlur={onBlur}
        required={isRequired}
        // biome-ignore lint/a11y/noAutofocus: the first field of a dialog that was opened to fill it in.
        autoFocus={autoFocus}
        aria-invalid={error ? true : undefined}
        aria-describedby={[helpId, errorId].filter(Boolean).join(" ") || undefined}
      >
        {(!isRequired || !chosen) && <option value="">{words.choose}</option>}
        {choices.map((choice) => (
          <option key={choice.value} value={choice.value}>
            {choice.label}
          </option>
        ))}
      </select>
      {errorId && (
        <span id={errorId} className="field-error">
          {error}
        </span>
      )}
    </div>
  );
}
