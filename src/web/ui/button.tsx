import type { ReactNode } from "react";
import { Button as AriaButton, type ButtonProps as AriaButtonProps } from "react-aria-components";
import { useUiWords } from "./words.ts";

export interface ButtonProps extends Omit<AriaButtonProps, "children" | "className" | "style" | "isPending"> {
  variant?: "primary" | "secondary" | "danger" | "quiet";
  small?: boolean;
  /** Keeps its place and the focus, takes no press, and says that it works. */
  isPending?: boolean;
  children: ReactNode;
}

/**
 * React Aria's own `isPending` leaves an announcement behind that names the button by its id, for seconds after a dialog took the
 * button with it. Ours is a status beside it.
 */
export function Button({ variant = "secondary", small, isPending = false, children, ...props }: ButtonProps) {
  const words = useUiWords();
  const still = isPending && ({ type: "button", onPress: undefined, "aria-disabled": true } as const);
  return (
    <>
      <AriaButton {...props} {...still} className="button" data-variant={variant} data-small={small || undefined}>
        {isPending && <span className="spinner" aria-hidden="true" />}
        {children}
      </AriaButton>
      {isPending && (
        <span className="visually-hidden" role="status">
          {words.working}
        </span>
      )}
    </>
  );
}
