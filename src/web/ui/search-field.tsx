import { SearchField as AriaSearchField, Input, Label } from "react-aria-components";

export interface SearchFieldProps {
  label: string;
  value: string;
  onChange(value: string): void;
  placeholder?: string;
  autoFocus?: boolean;
}

/** A text to search by; Escape clears it. */
export function SearchField({ label, placeholder, ...props }: SearchFieldProps) {
  return (
    <AriaSearchField {...props} className="field">
      <Label>{label}</Label>
      <Input placeholder={placeholder} spellCheck="false" />
    </AriaSearchField>
  );
}
