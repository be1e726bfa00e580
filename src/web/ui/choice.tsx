import type { ReactNode } from "react";
import {
  Button as AriaButton,
  RadioGroup as AriaRadioGroup,
  Select as AriaSelect,
  FieldError,
  Label,
  ListBox,
  ListBoxItem,
  Popover,
  Radio,
  SelectValue,
  Text,
} from "react-aria-components";
import { useUiWords } from "./words.ts";

export { Checkbox, Switch } from "./toggles.tsx";

export interface Choice {
  value: string;
  label: string;
  description?: string | null;
}

export interface ChoiceFieldProps {
  label: string;
  help?: ReactNode;
  error?: string | null;
  choices: readonly Choice[];
  /** Empty: nothing is chosen. */
  value: string;
  onChange(value: string): void;
  isRequired?: boolean;
  isDisabled?: boolean;
  /** A filter, which nobody has to fill in: says nothing of "optional". */
  filter?: boolean;
  /** Of the whole field, for tests and for jumping to it from a list of errors. */
  id?: string;
}

export function Select({ label, help, error, choices, value, onChange, isRequired, isDisabled, filter, id }: ChoiceFieldProps) {
  const words = useUiWords();
  return (
    <AriaSelect
      id={id}
      className="field"
      selectedKey={value || null}
      onSelectionChange={(key) => onChange(key === null ? "" : String(key))}
      isInvalid={Boolean(error)}
      isDisabled={isDisabled}
      placeholder={words.choose}
      validationBehavior="aria"
    >
      <Label>
        {label}
        {!isRequired && !filter && <span className="soft optional"> ({words.optional})</span>}
      </Label>
      {help && (
        <Text slot="description" className="field-help">
          {help}
        </Text>
      )}
      <AriaButton className="select-button">
        <SelectValue />
        <span aria-hidden="true">▾</span>
      </AriaButton>
      <FieldError className="field-error">{error}</FieldError>
      <Popover className="popover">
        <ListBox>
          {choices.map((choice) => (
            <ListBoxItem key={choice.value} id={choice.value} textValue={choice.label} className="option">
              <Text slot="label">{choice.label}</Text>
              {choice.description && (
                <Text slot="description" className="soft small">
                  {choice.description}
                </Text>
              )}
            </ListBoxItem>
          ))}
        </ListBox>
      </Popover>
    </AriaSelect>
  );
}

/** All choices in sight, each with its description. */
export function RadioCards({ label, help, error, choices, value, onChange, isRequired, isDisabled }: ChoiceFieldProps) {
  return (
    <AriaRadioGroup
      className="field"
      value={value || null}
      onChange={onChange}
      isInvalid={Boolean(error)}
      isDisabled={isDisabled}
      isRequired={isRequired}
      validationBehavior="aria"
    >
      <Label>{label}</Label>
      {help && (
        <Text slot="description" className="field-help">
          {help}
        </Text>
      )}
      <div className="choices">
        {choices.map((choice) => (
          <Radio key={choice.value} value={choice.value} className="choice">
            <b>{choice.label}</b>
            {choice.description && <span className="soft small">{choice.description}</span>}
          </Radio>
        ))}
      </div>
      <FieldError className="field-error">{error}</FieldError>
    </AriaRadioGroup>
  );
}
