import { type ReactNode, useState } from "react";
import {
  Button as AriaButton,
  type AsyncListData,
  Collection,
  ComboBox,
  FieldError,
  Input,
  type Key,
  Label,
  ListBox,
  ListBoxItem,
  ListBoxLoadMoreItem,
  Popover,
  Tag,
  TagGroup,
  TagList,
  Text,
  useAsyncList,
} from "react-aria-components";
import type { Choice } from "./choice.tsx";
import { useUiWords } from "./words.ts";
import "./picker.css";

/** A page of what was found, best first. */
export interface Found {
  choices: readonly Choice[];
  /** Cursor of the page behind it; null: this was the last. */
  next: string | null;
}

export interface PickerProps {
  label: string;
  help?: ReactNode;
  error?: string | null;
  /** Asks for a page, of all where `search` is empty; a failure is shown by its message. */
  find(search: string, after: string | null): Promise<Found>;
  /** Said where nothing fits what was typed. */
  nothing: string;
  /** Several, each a tag that takes it away again; else one, whose name stands in the field. */
  multiple?: boolean;
  chosen: readonly Choice[];
  onChange(chosen: readonly Choice[]): void;
  /** Stands in the place of the tags while none is chosen. */
  none?: string;
  placeholder?: string;
  isRequired?: boolean;
  autoFocus?: boolean;
}

/** So long nobody types: not every key asks the server. */
const STILL_MS = 200;

/** A field that finds what can be chosen among any number of choices: by typing, or by going down the list, which grows as it is read. */
export function Picker(props: PickerProps) {
  const { label, help, error, nothing, multiple = false, chosen, placeholder, isRequired, autoFocus } = props;
  const words = useUiWords();
  const { list, items, text, type, choose } = usePicking(props);
  return (
    <div className="stack picker">
      <ComboBox<Choice, "single" | "multiple">
        className="field"
        selectionMode={multiple ? "multiple" : "single"}
        items={items}
        value={multiple ? chosen.map(({ value }) => value) : (chosen[0]?.value ?? null)}
        onChange={choose}
        inputValue={text}
        onInputChange={type}
        onOpenChange={(isOpen) => isOpen && list.error && list.reload()}
        allowsEmptyCollection
        isInvalid={Boolean(error)}
        isRequired={isRequired}
        validationBehavior="aria"
        autoFocus={autoFocus}
      >
        <Label>
          {label}
          {!isRequired && <span className="soft optional"> ({words.optional})</span>}
        </Label>
        {help && (
          <Text slot="description" className="field-help">
            {help}
          </Text>
        )}
        <div className="with-button">
          <Input placeholder={placeholder} />
          <AriaButton className="button">
            <span aria-hidden="true">▾</span>
          </AriaButton>
        </div>
        <FieldError className="field-error">{error}</FieldError>
        <Popover className="popover">
          {/* It is drawn outside of every landmark: one of its own. */}
          <section className="picker-list" aria-label={words.choicesOf(label)}>
            <Options list={list} items={items} nothing={nothing} />
          </section>
        </Popover>
      </ComboBox>
      {multiple && <Tags {...props} />}
    </div>
  );
}

/** What stands in the field, what that finds, and what is chosen of it. */
function usePicking({ find, multiple, chosen, onChange }: PickerProps) {
  const list = useAsyncList<Choice>({
    getKey: ({ value }) => value,
    async load({ signal, cursor, filterText = "" }) {
      if (filterText && !cursor) await new Promise((over) => setTimeout(over, STILL_MS));
      if (signal.aborted) return { items: [] };
      const { choices, next } = await find(filterText, cursor ?? null);
      return { items: choices, cursor: next ?? undefined };
    },
  });
  // What was found by another word is no answer to this one.
  const items = list.loadingState === "filtering" || list.error ? [] : list.items;
  const shown = (of: readonly Choice[]) => (multiple ? "" : (of[0]?.label ?? ""));
  const [text, setText] = useState(() => shown(chosen));

  function type(typed: string): void {
    setText(typed);
    // A name that stands there because it was chosen is no search for it.
    const search = typed === shown(chosen) ? "" : typed.trim();
    if (search !== list.filterText) list.setFilterText(search);
  }
  /** Also told when the field is left, with what was chosen before. */
  function choose(value: Key | readonly Key[] | null): void {
    const values = (Array.isArray(value) ? value : [value]) as (Key | null)[];
    const known = [...chosen, ...list.items];
    const picked = values.flatMap((key) => known.find((choice) => choice.value === key) ?? []);
    onChange(picked);
    setText(shown(picked));
    if (list.filterText) list.setFilterText("");
  }
  return { list, items, text, type, choose };
}

interface OptionsProps extends Pick<PickerProps, "nothing"> {
  list: AsyncListData<Choice>;
  items: readonly Choice[];
}

function Options({ list, items, nothing }: OptionsProps) {
  const words = useUiWords();
  const why = list.isLoading ? words.searching : (list.error?.message ?? nothing);
  return (
    <ListBox renderEmptyState={() => <p className="option soft">{why}</p>}>
      <Collection items={items}>
        {({ value, label, description }) => (
          <ListBoxItem id={value} textValue={label} className="option">
            <Text slot="label">{label}</Text>
            {description && (
              <Text slot="description" className="soft small">
                {description}
              </Text>
            )}
          </ListBoxItem>
        )}
      </Collection>
      <ListBoxLoadMoreItem isLoading={list.loadingState === "loadingMore"} onLoadMore={list.loadMore} className="option">
        <span className="spinner" aria-label={words.working} role="img" />
      </ListBoxLoadMoreItem>
    </ListBox>
  );
}

/** Backspace and Delete take away the tag that has the focus, as its button does. */
function Tags({ label, none, chosen, onChange }: PickerProps) {
  const words = useUiWords();
  return (
    <TagGroup aria-label={words.chosenOf(label)} onRemove={(taken) => onChange(chosen.filter(({ value }) => !taken.has(value)))}>
      <TagList items={chosen} className="tags" renderEmptyState={() => <span className="soft">{none}</span>}>
        {(choice) => (
          <Tag id={choice.value} textValue={choice.label} className="tag">
            {choice.label}
            <AriaButton slot="remove" className="tag-remove">
              <span aria-hidden="true">×</span>
            </AriaButton>
          </Tag>
        )}
      </TagList>
    </TagGroup>
  );
}
