import { type ReactNode, useState } from "react";
import {
  TextArea as AriaTextArea,
  TextField as AriaTextField,
  type TextFieldProps as AriaTextFieldProps,
  FieldError,
  Input,
  Label,
  Text,
} from "react-aria-components";
import { Button } from "./button.tsx";
import { useUiWords } from "./words.ts";

export interface TextFieldProps extends Omit<AriaTextFieldProps, "className" | "style" | "children"> {
  label: string;
  help?: ReactNode;
  /** What is wrong with the value; null or absent: nothing. */
  error?: string | null;
  placeholder?: string;
  multiline?: boolean;
  /** Masked, with a button that shows it while it is typed. */
  secret?: boolean;
  /** A filter, which nobody has to fill in: says nothing of "optional". */
  filter?: boolean;
}

export function TextField({ label, help, error, placeholder, multiline, secret, filter, ...props }: TextFieldProps) {
  const words = useUiWords();
  const [shown, setShown] = useState(false);
  const type = secret && !shown ? "password" : (props.type ?? "text");
  return (
    <AriaTextField
      spellCheck="false"
      autoComplete={secret ? "off" : undefined}
      {...props}
      type={type === "password" ? "password" : props.type}
      className="field"
      isInvalid={Boolean(error)}
      validationBehavior="aria"
    >
      <Label>
        {label}
        {!props.isRequired && !filter && <span className="soft optional"> ({words.optional})</span>}
      </Label>
      {help && (
        <Text slot="description" className="field-help">
          {help}
        </Text>
      )}
      {multiline ? (
        <AriaTextArea placeholder={placeholder} rows={5} data-secret={secret || undefined} />
      ) : secret ? (
        <div className="with-button">
          <Input placeholder={placeholder} />
          <Button small aria-label={shown ? words.hideValue(label) : words.showValue(label)} onPress={() => setShown(!shown)}>
            {shown ? words.hide : words.show}
          </Button>
        </div>
      ) : (
        <Input placeholder={placeholder} />
      )}
      <FieldError className="field-error">{error}</FieldError>
    </AriaTextField>
  );
}
