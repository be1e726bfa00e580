import { type FormEvent, useState } from "react";
import { type UserRowFragment, UsersUpsertDocument } from "../../../api/gql.ts";
import { issuesOf, useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { Dialog } from "../../../ui/dialog.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import { toast } from "../../../ui/toast.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";

/** Adds one (`user` null) or edits one; the external id stays. */
export function UserDialog({ user, onClose }: { user: UserRowFragment | null; onClose(): void }) {
  const action = useAction(UsersUpsertDocument);
  const [values, setValues] = useState({
    externalId: user?.externalId ?? "",
    displayName: user?.displayName ?? "",
    email: user?.email ?? "",
    locale: user?.locale ?? "",
  });
  const issues = issuesOf(action.problem);
  const field = (name: keyof typeof values, label: string, help?: string) => (
    <TextField
      label={label}
      help={help}
      value={values[name]}
      onChange={(value) => setValues({ ...values, [name]: value })}
      error={issues[name]}
      isRequired={name === "externalId"}
      autoFocus={name === (user ? "displayName" : "externalId")}
    />
  );
  async function save(event: FormEvent): Promise<void> {
    event.preventDefault();
    const outcome = await action.run({
      input: {
        externalId: values.externalId.trim(),
        displayName: values.displayName.trim() || null,
        email: values.email.trim() || null,
        locale: values.locale.trim() || null,
      },
    });
    if (!outcome.ok) return;
    toast("Saved.");
    onClose();
  }
  return (
    <Dialog title={user ? "Edit the user" : "Add a user"} isOpen onClose={onClose}>
      <form className="stack" onSubmit={(event) => void save(event)}>
        <ProblemNotice problem={action.problem} shown={Object.keys(values)} />
        {!user &&
          field("externalId", "Your id", "What your product knows this user by. Someone who is there already is updated.")}
        {field("displayName", "Name")}
        {field("email", "E-mail")}
        {field("locale", "Language", "As en or de-AT: the hosted page speaks it.")}
        <div className="dialog-actions">
          <Button onPress={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" isPending={action.pending} isDisabled={values.externalId.trim() === ""}>
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
