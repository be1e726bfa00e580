import type { ReactNode } from "react";
import { Menu as AriaMenu, MenuItem, MenuTrigger, Popover } from "react-aria-components";
import { Button } from "./button.tsx";

export interface MenuAction {
  id: string;
  label: string;
  danger?: boolean;
  onAction(): void;
}

/** A button that opens a list of actions. */
export function ActionMenu({ label, children, actions }: { label: string; children: ReactNode; actions: readonly MenuAction[] }) {
  if (actions.length === 0) return null;
  return (
    <MenuTrigger>
      <Button small aria-label={label}>
        {children}
      </Button>
      <Popover className="popover" placement="bottom end">
        <AriaMenu onAction={(key) => actions.find((action) => action.id === key)?.onAction()}>
          {actions.map((action) => (
            <MenuItem key={action.id} id={action.id} className="option" data-danger={action.danger || undefined}>
              {action.label}
            </MenuItem>
          ))}
        </AriaMenu>
      </Popover>
    </MenuTrigger>
  );
}
