import { useAction } from "../api/use-action.ts";
import { Button } from "../ui/button.tsx";
import { ConnectCancelDocument, type ConnectStateFragment } from "./gql.ts";

export interface CancelButtonProps {
  id: string;
  label: string;
  onState(state: ConnectStateFragment): void;
}

/** Ends the request. Whoever was faster decides: the page shows what it came to. */
export function CancelButton({ id, label, onState }: CancelButtonProps) {
  const cancel = useAction(ConnectCancelDocument);
  async function end(): Promise<void> {
    const outcome = await cancel.run({ id });
    if (outcome.ok) onState(outcome.payload.connectionRequest);
  }
  return (
    <Button variant="quiet" onPress={() => void end()} isPending={cancel.pending}>
      {label}
    </Button>
  );
}
