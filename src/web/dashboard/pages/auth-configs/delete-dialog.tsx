import { useState } from "react";
import { useQuery } from "urql";
import { AuthConfigsDeleteDocument, AuthConfigsDependentsDocument, type AuthConfigsDependentsQuery } from "../../../api/gql.ts";
import { type Problem, useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { RadioCards, Select } from "../../../ui/choice.tsx";
import { Dialog } from "../../../ui/dialog.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import { ImpactNotice } from "../../shell/impact.tsx";
import { Loads } from "../../shell/page.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { Status } from "../../shell/statuses.tsx";
import { accountOf, userOf } from "./connections.tsx";
import type { ShownConfig } from "./shown-config.ts";

interface DeleteDialogProps {
  config: ShownConfig;
  onClose(): void;
  onDeleted(): void;
}

/** Says whom it touches before it can be done, and what becomes of their accounts. */
export function DeleteDialog({ config, onClose, onDeleted }: DeleteDialogProps) {
  const [result] = useQuery({
    query: AuthConfigsDependentsDocument,
    variables: { id: config.id, slug: config.connector.slug },
    requestPolicy: "network-only",
  });
  return (
    <Dialog title={`Delete ${config.name}?`} isOpen onClose={onClose}>
      <Loads result={result} what="what depends on it">
        {(data) => <Decide config={config} dependents={data} onClose={onClose} onDeleted={onDeleted} />}
      </Loads>
    </Dialog>
  );
}

type DecideProps = DeleteDialogProps & { dependents: AuthConfigsDependentsQuery };

function Decide({ config, dependents, onClose, onDeleted }: DecideProps) {
  const remove = useAction(AuthConfigsDeleteDocument, "AuthConfig");
  const [typed, setTyped] = useState("");
  const [move, setMove] = useState(false);
  const [heir, setHeir] = useState("");
  const heirs = (dependents.heirs?.nodes ?? []).filter(({ id, schemeKey }) => id !== config.id && schemeKey === config.schemeKey);
  const count = dependents.authConfig?.credentials.totalCount ?? 0;
  const open = dependents.connectionRequests?.totalCount ?? 0;
  const isTouched = count + open > 0;
  const isReady = typed.trim() === config.name.trim() && (!move || heir !== "");

  async function go(): Promise<void> {
    // What nobody saw is not confirmed: if somebody connects in between, the answer says so and asks again.
    const confirm = isTouched || remove.problem?.__typename === "InUseError";
    const outcome = await remove.run({ input: { id: config.id, confirm, reassignTo: move ? heir : undefined } });
    if (outcome.ok) onDeleted();
  }

  return (
    <>
      <Dependents dependents={dependents} count={count} open={open} />
      {count > 0 && heirs.length > 0 && (
        <>
          <RadioCards
            label="What becomes of these credentials?"
            value={move ? "move" : "revoke"}
            onChange={(value) => setMove(value === "move")}
            choices={[
              {
                value: "revoke",
                label: "Revoke them",
                description: "Here and at the provider. Their users have to connect again.",
              },
              {
                value: "move",
                label: "Move them to another auth config",
                description: "They go on working. It must have the same client id, and the same values where secrets are sent.",
              },
            ]}
            isRequired
          />
          {move && (
            <Select
              label="Move them to"
              value={heir}
              onChange={setHeir}
              choices={heirs.map(({ id, name }) => ({ value: id, label: name }))}
              error={issueOf(remove.problem)}
              isRequired
            />
          )}
        </>
      )}
      <TextField
        label={`Type its name to confirm: ${config.name}`}
        value={typed}
        onChange={setTyped}
        isRequired
        autoComplete="off"
      />
      <ImpactNotice problem={remove.problem} />
      {remove.problem?.__typename !== "InUseError" && <ProblemNotice problem={remove.problem} shown={["reassignTo"]} />}
      <div className="dialog-actions">
        <Button onPress={onClose}>Cancel</Button>
        <Button variant="danger" onPress={() => void go()} isPending={remove.pending} isDisabled={!isReady}>
          {labelOf(count, move)}
        </Button>
      </div>
    </>
  );
}

function labelOf(count: number, move: boolean): string {
  if (count === 0) return "Delete";
  return `Delete, and ${move ? "move" : "revoke"} ${counted(count, "credential")}`;
}

function issueOf(problem: Problem | null): string | null {
  if (problem?.__typename !== "InvalidInputError") return null;
  return problem.issues.find(({ path }) => path[0] === "reassignTo")?.message ?? null;
}

function Dependents({ dependents, count, open }: { dependents: AuthConfigsDependentsQuery; count: number; open: number }) {
  if (count + open === 0) return <p>No credential depends on it. It can not be brought back.</p>;
  const shown = dependents.authConfig?.credentials.nodes ?? [];
  return (
    <div className="stack">
      <p>
        <b>
          {counted(count, "credential")} depend{count === 1 ? "s" : ""} on it
        </b>
        {open > 0 && `, and ${counted(open, "connection request")} under way will be cancelled`}:
      </p>
      <ul className="plain-list">
        {shown.map((credential) => (
          <li key={credential.id} className="row">
            <span>
              {accountOf(credential)} <span className="soft">of {userOf(credential)}</span>
            </span>
            <Status value={credential.status} />
          </li>
        ))}
        {count > shown.length && <li className="soft">and {count - shown.length} more</li>}
      </ul>
    </div>
  );
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? "" : "s"}`;
}
