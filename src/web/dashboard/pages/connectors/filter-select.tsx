import { type Choice, Select } from "../../../ui/choice.tsx";
import { wordsOf } from "../../shell/statuses.tsx";
import type { Filters } from "./filters.ts";

const ALL = "all";

export interface FilterSelectProps {
  label: string;
  filters: Filters;
  /** In the address. */
  name: string;
  choices: readonly Choice[];
}

/** One of these, or any. */
export function FilterSelect({ label, filters, name, choices }: FilterSelectProps) {
  return (
    <Select
      label={label}
      filter
      value={filters.get(name) || ALL}
      onChange={(value) => filters.set(name, value === ALL ? "" : value)}
      choices={[{ value: ALL, label: "Any" }, ...choices]}
    />
  );
}

export function inWords(values: readonly string[]): Choice[] {
  return values.map((value) => ({ value, label: wordsOf(value) }));
}
