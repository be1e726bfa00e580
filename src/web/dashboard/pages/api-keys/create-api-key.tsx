import { type FormEvent, useState } from "react";
import { ApiKeysCreateDocument, type Permission, type Role } from "../../../api/gql.ts";
import { issuesOf, useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { Checkbox, RadioCards, Select } from "../../../ui/choice.tsx";
import { Dialog } from "../../../ui/dialog.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { ShownOnce } from "../../shell/shown-once.tsx";

const ROLES = [
  { value: "VIEWER", label: "Viewer", description: "Reads everything but secrets, keys and the audit log." },
  { value: "DEVELOPER", label: "Developer", description: "Creates, edits, tests and uses; deletes nothing, reveals no secret." },
  { value: "ADMIN", label: "Admin", description: "Everything: deletes, reveals, keys, webhooks, the audit log." },
];
const LIVES = [
  { value: "", label: "Until it is revoked" },
  { value: "1", label: "One day" },
  { value: "30", label: "30 days" },
  { value: "90", label: "90 days" },
  { value: "365", label: "One year" },
];
const SHOWN = ["name", "role", "connectorSlugs", "users", "methods"];

export function CreateApiKey({ onClose }: { onClose(): void }) {
  const action = useAction(ApiKeysCreateDocument);
  const [made, setMade] = useState<string | null>(null);
  const [name, setName] = useState("");
  const [role, setRole] = useState("DEVELOPER");
  const [reveal, setReveal] = useState(false);
  const [days, setDays] = useState("");
  const [connectors, setConnectors] = useState("");
  const [users, setUsers] = useState("");
  const [methods, setMethods] = useState("");
  const issues = issuesOf(action.problem);

  async function create(event: FormEvent): Promise<void> {
    event.preventDefault();
    const permissions: Permission[] | null = reveal && role !== "ADMIN" ? ["CREDENTIAL_REVEAL"] : null;
    const outcome = await action.run({
      input: {
        name: name.trim(),
        role: role as Role,
        permissions,
        expiresAt: days ? new Date(Date.now() + Number(days) * 86_400_000).toISOString() : null,
        connectorSlugs: listOf(connectors),
        users: listOf(users)?.map((externalId) => ({ externalId })) ?? null,
        methods: listOf(methods)?.map((method) => method.toUpperCase()) ?? null,
      },
    });
    if (outcome.ok) setMade(outcome.payload.key);
  }

  if (made) {
    const advice = "Copy it now, into your secret store.";
    return <ShownOnce title="Your new API key" label="API key" secret={made} advice={advice} onClose={onClose} />;
  }
  return (
    <Dialog title="Create an API key" isOpen onClose={onClose}>
      <form className="stack" onSubmit={(event) => void create(event)}>
        <ProblemNotice problem={action.problem} shown={SHOWN} />
        <TextField
          label="Name"
          help="Who or what uses it: it stands in the audit log."
          value={name}
          onChange={setName}
          error={issues["name"]}
          isRequired
          autoFocus
        />
        <RadioCards label="Role" choices={ROLES} value={role} onChange={setRole} error={issues["role"]} isRequired />
        {role !== "ADMIN" && (
          <Checkbox isSelected={reveal} onChange={setReveal}>
            May reveal secrets (<code>revealCredential</code>), for a back end that calls providers itself
          </Checkbox>
        )}
        <Select
          label="Good for"
          choices={LIVES.slice(1)}
          value={days}
          onChange={setDays}
          help="Left open: until it is revoked."
        />
        <fieldset className="group stack">
          <legend>Narrow its use of credentials</legend>
          <TextField
            label="Connectors"
            help="Slugs, separated by commas. Empty: all."
            value={connectors}
            onChange={setConnectors}
            error={issues["connectorSlugs"]}
          />
          <TextField
            label="Users"
            help="Your own ids of users, separated by commas. Empty: all."
            value={users}
            onChange={setUsers}
            error={issues["users"]}
          />
          <TextField
            label="HTTP methods of the proxy"
            help="For example GET, HEAD. Empty: all."
            value={methods}
            onChange={setMethods}
            error={issues["methods"]}
          />
        </fieldset>
        <div className="dialog-actions">
          <Button onPress={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" isPending={action.pending} isDisabled={name.trim() === ""}>
            Create
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

function listOf(text: string): string[] | null {
  const items = text
    .split(",")
    .map((item) => item.trim())
    .filter(Boolean);
  return items.length > 0 ? items : null;
}
