import { type CustomConnectorRowFragment, CustomConnectorsDeleteDocument } from "../../../api/gql.ts";
import { useAction } from "../../../api/use-action.ts";
import { ConfirmDialog } from "../../../ui/dialog.tsx";
import { toast } from "../../../ui/toast.tsx";
import { ImpactNotice } from "../../shell/impact.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";

export function DeleteConnector({ connector, onClose }: { connector: CustomConnectorRowFragment; onClose(): void }) {
  const action = useAction(CustomConnectorsDeleteDocument, "Connector");
  const inUse = action.problem?.__typename === "InUseError";
  async function remove(): Promise<void> {
    const outcome = await action.run({ input: { id: connector.id, ...(inUse && { confirm: true }) } });
    if (!outcome.ok) return;
    toast(`“${connector.name}” is deleted.`);
    onClose();
  }
  return (
    <ConfirmDialog
      title={`Delete “${connector.name}”?`}
      isOpen
      onClose={onClose}
      onConfirm={() => void remove()}
      confirmLabel={inUse ? "Delete all the same" : "Delete"}
      danger
      isPending={action.pending}
    >
      <p>Its auth configs go with it, and the credentials made with them are revoked.</p>
      {inUse ? <ImpactNotice problem={action.problem} /> : <ProblemNotice problem={action.problem} />}
    </ConfirmDialog>
  );
}
