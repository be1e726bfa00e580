import type { ReactNode } from "react";
import { FileTrigger } from "react-aria-components";
import type { FieldFragment } from "../api/gql.ts";
import { Button } from "../ui/button.tsx";
import { NativeSelect } from "../ui/native-select.tsx";
import { Notice } from "../ui/show.tsx";
import { TextField } from "../ui/text-field.tsx";
import { Checkbox } from "../ui/toggles.tsx";
import { useUiWords } from "../ui/words.ts";
import { type FormValues, visibleFields } from "./values.ts";

export interface FieldFormProps {
  fields: readonly FieldFragment[];
  values: FormValues;
  onChange(name: string, value: string | boolean): void;
  /** Called when a field is left: from then on its problems may be told. */
  onLeave?(name: string): void;
  /** What is wrong, by field name. */
  errors: Record<string, string>;
  /** Secrets that are kept where nothing is typed. */
  kept?: ReadonlySet<string>;
  keptNote?: string;
  helpLabel: string;
}

/** The fields of any connector, in their groups; those whose conditions don't hold are not there. */
export function FieldForm(props: FieldFormProps) {
  const shown = visibleFields(props.fields, props.values);
  return [...Map.groupBy(shown, (field) => field.group ?? null)].map(([group, members]) => {
    const inputs = members.map((field) => <FieldInput key={field.name} field={field} form={props} />);
    if (group === null) return inputs;
    return (
      <fieldset key={members[0]?.name} className="group stack">
        <legend>{group}</legend>
        {inputs}
      </fieldset>
    );
  });
}

function FieldInput({ field, form }: { field: FieldFragment; form: FieldFormProps }) {
  const { values, onChange, onLeave, errors, kept } = form;
  const value = values[field.name] ?? "";
  const { label } = field;
  const isKept = kept?.has(field.name) ?? false;
  const common = {
    label,
    help: helpOf(field, form.helpLabel, isKept ? form.keptNote : null),
    error: errors[field.name] ?? null,
    isRequired: field.required && !isKept,
  };
  if (field.type === "BOOLEAN") {
    return (
      <div className="field">
        <Checkbox isSelected={value === true} onChange={(selected) => onChange(field.name, selected)}>
          {label}
        </Checkbox>
        {common.help && <div className="field-help">{common.help}</div>}
        {common.error && (
          <span className="field-error" role="alert">
            {common.error}
          </span>
        )}
      </div>
    );
  }
  const text = typeof value === "string" ? value : "";
  const set = (next: string) => onChange(field.name, next);
  if (field.options && field.options.length > 0) {
    return <NativeSelect {...common} choices={field.options} value={text} onChange={set} />;
  }
  const input = (
    <TextField
      {...common}
      value={text}
      onChange={set}
      onBlur={() => onLeave?.(field.name)}
      secret={field.secret}
      multiline={field.multiline || field.type === "FILE" || field.type === "JSON"}
      inputMode={field.type === "INTEGER" ? "numeric" : field.type === "URL" ? "url" : undefined}
      placeholder={isKept ? "••••••••" : undefined}
    />
  );
  if (field.type === "URL")
    return (
      <>
        {input}
        {isPlainHttp(text) && form.fields.some(({ secret }) => secret) && <PlainHttp />}
      </>
    );
  if (field.type !== "FILE") return input;
  return (
    <div className="stack">
      {input}
      <FilePicker label={label} onText={set} />
    </div>
  );
}

/** On this machine itself nobody is on the way. */
function isPlainHttp(url: string): boolean {
  return /^http:\/\/(?!localhost\b|127\.|\[::1\])./i.test(url.trim());
}

function PlainHttp() {
  return (
    <Notice tone="warn" live>
      {useUiWords().plainHttp}
    </Notice>
  );
}

function FilePicker({ label, onText }: { label: string; onText(text: string): void }) {
  const words = useUiWords();
  async function take(files: FileList | null): Promise<void> {
    const file = files?.[0];
    if (file) onText(await contentOf(file));
  }
  return (
    <FileTrigger onSelect={(files) => void take(files)}>
      <Button small aria-label={`${words.chooseFile} ${label}`}>
        {words.chooseFile}
      </Button>
    </FileTrigger>
  );
}

/** UTF-8 text as it is; anything else as a base64 data URL, which is what the API takes. */
async function contentOf(file: File): Promise<string> {
  const bytes = new Uint8Array(await file.arrayBuffer());
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    const binary = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    return `data:application/octet-stream;base64,${btoa(binary)}`;
  }
}

function helpOf(field: FieldFragment, helpLabel: string, kept: string | null | undefined): ReactNode {
  const { description, example, helpUrl } = field;
  if (!description && !example && !helpUrl && !kept) return null;
  return (
    <>
      {[kept, description, example ? `(${example})` : null].filter(Boolean).join(" ")}
      {helpUrl && (
        <>
          {" "}
          <a href={helpUrl} target="_blank" rel="noreferrer noopener">
            {helpLabel}
          </a>
        </>
      )}
    </>
  );
}
