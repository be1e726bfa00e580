import { type FormEvent, useState } from "react";
import {
  type CustomConnectorRowFragment,
  CustomConnectorsDeleteDocument,
  CustomConnectorsUpdateDocument,
} from "../../../api/gql.ts";
import { issuesOf, useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { Checkbox } from "../../../ui/choice.tsx";
import { ConfirmDialog, Dialog } from "../../../ui/dialog.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import { toast } from "../../../ui/toast.tsx";
import { ImpactNotice } from "../../shell/impact.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { ConnectorForm } from "./connector-form.tsx";
import { type Draft, EMPTY, schemeOf } from "./draft.ts";

/** What it says about itself; and, where that is chosen, its whole definition anew, since the API does not tell the old one in full. */
export function ChangeConnector({ connector, onClose }: { connector: CustomConnectorRowFragment; onClose(): void }) {
  const action = useAction(CustomConnectorsUpdateDocument);
  const [anew, setAnew] = useState(false);
  const [draft, setDraft] = useState<Draft>({
    ...EMPTY,
    name: connector.name,
    description: connector.description ?? "",
    docsUrl: connector.docsUrl ?? "",
  });
  const issues = issuesOf(action.problem);
  const inUse = action.problem?.__typename === "InUseError";

  async function save(event: FormEvent): Promise<void> {
    event.preventDefault();
    const definition = anew
      ? {
          scheme: schemeOf(draft),
          baseUrl: draft.baseUrl.trim() || null,
          ...(draft.verificationPath.trim() && {
            verification: { method: draft.verificationMethod, path: draft.verificationPath.trim() },
          }),
        }
      : {};
    const outcome = await action.run({
      input: {
        id: connector.id,
        name: draft.name.trim(),
        description: draft.description.trim() || null,
        docsUrl: draft.docsUrl.trim() || null,
        ...definition,
        ...(inUse && { confirm: true }),
      },
    });
    if (!outcome.ok) return;
    toast("Saved.");
    onClose();
  }

  const text = (name: "name" | "description" | "docsUrl", label: string) => (
    <TextField
      label={label}
      value={draft[name]}
      onChange={(value) => setDraft({ ...draft, [name]: value })}
      error={issues[name]}
      isRequired={name === "name"}
    />
  );
  return (
    <Dialog title={`Edit “${connector.name}”`} isOpen onClose={onClose} wide>
      <form className="stack" onSubmit={(event) => void save(event)}>
        {inUse ? (
          <ImpactNotice problem={action.problem} />
        ) : (
          <ProblemNotice problem={action.problem} shown={Object.keys(issues)} />
        )}
        <Checkbox isSelected={anew} onChange={setAnew}>
          Define anew how it authenticates and where its API is
        </Checkbox>
        {anew ? (
          <ConnectorForm draft={draft} onChange={(change) => setDraft({ ...draft, ...change })} issues={issues} editing />
        ) : (
          <>
            {text("name", "Name")}
            {text("description", "Description")}
            {text("docsUrl", "Documentation")}
          </>
        )}
        <div className="dialog-actions">
          <Button onPress={onClose}>Cancel</Button>
          <Button type="submit" variant={inUse ? "danger" : "primary"} isPending={action.pending}>
            {inUse ? "Save all the same" : "Save"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

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
