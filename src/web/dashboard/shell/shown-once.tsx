import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Copyable, Notice } from "../../ui/show.tsx";

export interface ShownOnceProps {
  title: string;
  /** What the secret is, beside its copy button. */
  label: string;
  secret: string;
  /** What to do with it. */
  advice: string;
  onClose(): void;
}

/** A secret that was made just now: only the button closes it. */
export function ShownOnce({ title, label, secret, advice, onClose }: ShownOnceProps) {
  return (
    <Dialog title={title} isOpen onClose={onClose} isDismissable={false}>
      <Notice tone="warn">This is shown once. {advice}</Notice>
      <Copyable value={secret} label={label} wrap />
      <div className="dialog-actions">
        <Button variant="primary" onPress={onClose}>
          I have copied it
        </Button>
      </div>
    </Dialog>
  );
}
