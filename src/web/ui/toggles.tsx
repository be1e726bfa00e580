import type { ReactNode } from "react";
import {
  Checkbox as AriaCheckbox,
  type CheckboxProps as AriaCheckboxProps,
  Switch as AriaSwitch,
  type SwitchProps as AriaSwitchProps,
} from "react-aria-components";

export function Checkbox({
  children,
  ...props
}: Omit<AriaCheckboxProps, "children" | "className" | "style"> & { children: ReactNode }) {
  return (
    <AriaCheckbox {...props} className="check">
      <span className="box" aria-hidden="true">
        ✓
      </span>
      <span>{children}</span>
    </AriaCheckbox>
  );
}

export function Switch({
  children,
  ...props
}: Omit<AriaSwitchProps, "children" | "className" | "style"> & { children: ReactNode }) {
  return (
    <AriaSwitch {...props} className="check">
      <span className="box switch" aria-hidden="true">
        ●
      </span>
      <span>{children}</span>
    </AriaSwitch>
  );
}
