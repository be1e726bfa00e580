import {
  UNSTABLE_Toast as AriaToast,
  UNSTABLE_ToastContent as AriaToastContent,
  Text,
  UNSTABLE_ToastQueue as ToastQueue,
  UNSTABLE_ToastRegion as ToastRegion,
} from "react-aria-components";
import { Button } from "./button.tsx";

const queue = new ToastQueue<string>({ maxVisibleToasts: 3 });

/** A short word that something was done. Errors don't belong here: they stay where they are until they are mended. */
export function toast(message: string): void {
  queue.add(message, { timeout: 6_000 });
}

export function Toasts() {
  return (
    <ToastRegion queue={queue} className="toasts" aria-label="Messages">
      {({ toast: shown }) => (
        <AriaToast toast={shown} className="toast">
          <AriaToastContent>
            <Text slot="title">{shown.content}</Text>
          </AriaToastContent>
          <Button slot="close" small variant="quiet" aria-label="Dismiss">
            ✕
          </Button>
        </AriaToast>
      )}
    </ToastRegion>
  );
}
