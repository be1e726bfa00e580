import { useState } from "react";
import type { SchemeDetailsFragment } from "../../../api/gql.ts";
import { Button } from "../../../ui/button.tsx";
import { Checkbox } from "../../../ui/choice.tsx";
import { SearchField } from "../../../ui/search-field.tsx";
import { Badge } from "../../../ui/show.tsx";
import { TextField } from "../../../ui/text-field.tsx";

type ScopeSpec = Omit<SchemeDetailsFragment["scopes"][number], "__typename">;

/** From so many on, a box to find one by. */
const MANY = 12;

export interface ScopesFieldProps {
  offered: readonly ScopeSpec[];
  chosen: readonly string[];
  onChange(scopes: readonly string[]): void;
  error?: string | null;
}

/** What is asked for with every connection: the scopes that are known, and any others by their names. */
export function ScopesField({ offered, chosen, onChange, error }: ScopesFieldProps) {
  const [search, setSearch] = useState("");
  const known = new Set(offered.map(({ name }) => name));
  // One that was added stays in sight when it is unticked, so that it can be ticked again.
  const [others, setOthers] = useState(() => chosen.filter((name) => !known.has(name)));
  const all: ScopeSpec[] = [...offered, ...others.map((name) => ({ name, description: null, default: false, sensitive: false }))];
  const needle = search.trim().toLowerCase();
  const shown = all.filter(({ name, description }) => `${name} ${description ?? ""}`.toLowerCase().includes(needle));
  const sensitive = offered.filter((scope) => scope.sensitive && chosen.includes(scope.name));

  function toggle(name: string, on: boolean): void {
    onChange(on ? [...chosen, name] : chosen.filter((other) => other !== name));
  }
  function add(names: string[]): void {
    setOthers([...others, ...names.filter((name) => !known.has(name) && !others.includes(name))]);
    onChange([...chosen, ...names.filter((name) => !chosen.includes(name))]);
  }

  return (
    <fieldset className="group stack">
      <legend>Scopes</legend>
      <p className="field-help">
        What every connection asks the user for. {chosen.length === 0 ? "None is chosen." : `${chosen.length} chosen.`} Ask for
        little: it is what users see on the consent screen.
      </p>
      {all.length > MANY && <SearchField label="Find a scope" value={search} onChange={setSearch} />}
      <ul className="plain-list scopes">
        {shown.map((scope) => (
          <li key={scope.name}>
            <Checkbox isSelected={chosen.includes(scope.name)} onChange={(on) => toggle(scope.name, on)}>
              <code>{scope.name}</code> {scope.default && <Badge>Default</Badge>}{" "}
              {scope.sensitive && <Badge tone="warn">Sensitive</Badge>}
              {scope.description && <span className="soft small scope-text">{scope.description}</span>}
            </Checkbox>
          </li>
        ))}
      </ul>
      {shown.length === 0 && <p className="soft">None of the known scopes fits. Add it by its name below.</p>}
      {sensitive.length > 0 && (
        <p className="field-help">
          Sensitive: the provider reviews apps that ask for {sensitive.map(({ name }) => name).join(", ")}, or they open far more
          than everyday data.
        </p>
      )}
      <AddScope onAdd={add} />
      {error && (
        <span className="field-error" role="alert">
          {error}
        </span>
      )}
    </fieldset>
  );
}

function AddScope({ onAdd }: { onAdd(names: string[]): void }) {
  const [text, setText] = useState("");
  function add(): void {
    const names = [...new Set(text.split(/[\s,]+/).filter(Boolean))];
    if (names.length > 0) onAdd(names);
    setText("");
  }
  return (
    <div className="row add-row">
      <TextField
        label="Another scope"
        help="As the provider writes it. Several at once with spaces between them."
        value={text}
        onChange={setText}
        onKeyDown={(event) => {
          if (event.key !== "Enter") return;
          // Not the form's own Enter.
          event.preventDefault();
          add();
        }}
      />
      <Button onPress={add} isDisabled={text.trim() === ""}>
        Add scope
      </Button>
    </div>
  );
}
