import { type FormEvent, useState } from "react";
import { useQuery } from "urql";
import { type CredentialFullFragment, CredentialsTypedFormDocument, CredentialsUpdateDocument } from "../../../api/gql.ts";
import { issuesOf, useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { Dialog } from "../../../ui/dialog.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import { toast } from "../../../ui/toast.tsx";
import { Loads } from "../../shell/page.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { TYPED } from "./add-credential-dialog.tsx";
import { type Typed, TypedForm } from "./typed-form.tsx";

interface EditProps {
  credential: CredentialFullFragment;
  onClose(): void;
}

/** The label, and new values of what was typed; tokens come from the provider alone. */
export function EditCredentialDialog(props: EditProps) {
  const isTyped = TYPED.includes(props.credential.scheme) && props.credential.scheme !== "NONE";
  return (
    <Dialog title="Edit the credential" isOpen onClose={props.onClose} wide={isTyped}>
      {isTyped ? <Values {...props} /> : <LabelOnly {...props} />}
    </Dialog>
  );
}

function Values({ credential, onClose }: EditProps) {
  const { id } = credential;
  const updating = useAction(CredentialsUpdateDocument);
  const [version] = useState(credential.version);
  const [result] = useQuery({ query: CredentialsTypedFormDocument, variables: { authConfigId: credential.authConfig.id } });

  async function save({ fields, label, test }: Typed) {
    const changes = Object.keys(fields).length > 0 ? { fields, test } : {};
    const outcome = await updating.run({ input: { id, version, label, ...changes } });
    if (!outcome.ok) return outcome.problem;
    toast("Saved.");
    onClose();
    return null;
  }
  return (
    <Loads result={result} what="what it asks for">
      {({ authConfig }) =>
        authConfig && (
          <TypedForm
            config={authConfig}
            saved={{ label: credential.label ?? null, parameters: credential.parameters as Record<string, unknown> }}
            tries={{ credentialId: id }}
            save={save}
            pending={updating.pending}
            problem={updating.problem}
            onClose={onClose}
          >
            <p className="soft">
              Secrets are not shown: one that is left empty stays as it is. The id stays, so that whatever uses this credential
              goes on with the new values.
            </p>
          </TypedForm>
        )
      }
    </Loads>
  );
}

function LabelOnly({ credential, onClose }: EditProps) {
  const updating = useAction(CredentialsUpdateDocument);
  const [label, setLabel] = useState(credential.label ?? "");
  async function save(event: FormEvent): Promise<void> {
    event.preventDefault();
    const outcome = await updating.run({ input: { id: credential.id, label: label.trim() || null } });
    if (!outcome.ok) return;
    toast("Saved.");
    onClose();
  }
  return (
    <form className="stack" onSubmit={(event) => void save(event)}>
      <ProblemNotice problem={updating.problem} shown={["label"]} />
      <TextField
        label="Label"
        help="Tells several accounts of one user apart."
        value={label}
        onChange={setLabel}
        error={issuesOf(updating.problem)["label"]}
        maxLength={200}
        autoFocus
      />
      <div className="dialog-actions">
        <Button onPress={onClose}>Cancel</Button>
        <Button type="submit" variant="primary" isPending={updating.pending}>
          Save
        </Button>
      </div>
    </form>
  );
}
