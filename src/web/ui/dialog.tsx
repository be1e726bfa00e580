import { type ReactNode, useEffect } from "react";
import { Dialog as AriaDialog, Heading, Modal, ModalOverlay } from "react-aria-components";
import { Button } from "./button.tsx";

export interface DialogProps {
  title: string;
  isOpen: boolean;
  onClose(): void;
  wide?: boolean;
  /** False: only its own buttons close it, for example while a secret is shown that will not be shown again. */
  isDismissable?: boolean;
  children: ReactNode;
}

/** By then the focus was given back to what opened the dialog, where that is still there. */
const GIVEN_BACK_MS = 100;

function leaveFocusSomewhere(): void {
  setTimeout(() => {
    if (document.activeElement === document.body) document.querySelector<HTMLElement>("main[tabindex]")?.focus();
  }, GIVEN_BACK_MS);
}

/** Holds the focus, gives it back at the end, closes on Escape and on a press outside. */
export function Dialog({ title, isOpen, onClose, wide, isDismissable = true, children }: DialogProps) {
  useEffect(() => (isOpen ? leaveFocusSomewhere : undefined), [isOpen]);
  return (
    <ModalOverlay
      className="overlay"
      isOpen={isOpen}
      onOpenChange={(open) => !open && onClose()}
      isDismissable={isDismissable}
      isKeyboardDismissDisabled={!isDismissable}
    >
      <Modal className="dialog" data-wide={wide || undefined}>
        <AriaDialog>
          <Heading slot="title" level={2}>
            {title}
          </Heading>
          {children}
        </AriaDialog>
      </Modal>
    </ModalOverlay>
  );
}

export interface ConfirmDialogProps {
  title: string;
  isOpen: boolean;
  onClose(): void;
  onConfirm(): void;
  confirmLabel: string;
  danger?: boolean;
  isPending?: boolean;
  children: ReactNode;
}

export function ConfirmDialog({ onConfirm, confirmLabel, danger, isPending, children, ...dialog }: ConfirmDialogProps) {
  return (
    <Dialog {...dialog}>
      {children}
      <div className="dialog-actions">
        <Button onPress={dialog.onClose} autoFocus>
          Cancel
        </Button>
        <Button variant={danger ? "danger" : "primary"} onPress={onConfirm} isPending={isPending}>
          {confirmLabel}
        </Button>
      </div>
    </Dialog>
  );
}
