import { type FormEvent, useState } from "react";
import { UsersCreateLinkDocument, UsersLinkConnectorsDocument } from "../../../api/gql.ts";
import { issuesOf, useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { type Choice, Select } from "../../../ui/choice.tsx";
import { Dialog } from "../../../ui/dialog.tsx";
import { Picker } from "../../../ui/picker.tsx";
import { Copyable, Notice } from "../../../ui/show.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { useFind } from "../../shell/use-find.ts";

const LIVES = [
  { value: "3600", label: "One hour" },
  { value: "86400", label: "One day" },
  { value: "604800", label: "One week" },
];

const choiceOf = ({ slug, name }: { slug: string; name: string }): Choice => ({ value: slug, label: name });

/** A link to the hosted page, to open or to send to the user. */
export function ConnectLinkDialog({ userId, userName, onClose }: { userId: string; userName: string; onClose(): void }) {
  const action = useAction(UsersCreateLinkDocument);
  const find = useFind(UsersLinkConnectorsDocument, {}, (data) => data.connectors, choiceOf);
  const [connectors, setConnectors] = useState<readonly Choice[]>([]);
  const [seconds, setSeconds] = useState("86400");
  const [url, setUrl] = useState<string | null>(null);
  const issues = issuesOf(action.problem);
  const slugs = connectors.map(({ value }) => value);

  async function create(event: FormEvent): Promise<void> {
    event.preventDefault();
    const outcome = await action.run({
      input: { user: { id: userId }, connectorSlugs: slugs.length > 0 ? slugs : null, expiresInSeconds: Number(seconds) },
    });
    if (outcome.ok) setUrl(outcome.payload.url);
  }
  const connectorIssue = Object.entries(issues).find(([path]) => path.startsWith("connectorSlugs"));
  return (
    <Dialog title={`A connect link for ${userName}`} isOpen onClose={onClose}>
      {url ? (
        <>
          <Notice tone="good" live>
            Whoever opens it connects accounts as {userName}: send it to nobody else.
          </Notice>
          <Copyable value={url} label="connect link" wrap />
          <div className="dialog-actions">
            <a className="button" href={url} target="_blank" rel="noreferrer">
              Open it
            </a>
            <Button variant="primary" onPress={onClose}>
              Done
            </Button>
          </div>
        </>
      ) : (
        <form className="stack" onSubmit={(event) => void create(event)}>
          <ProblemNotice problem={action.problem} shown={connectorIssue ? [connectorIssue[0]] : []} />
          <Picker
            label="Connectors"
            help="What the page offers: those that you choose, or everything that has an auth config."
            placeholder="Search by name"
            find={find}
            nothing="Nothing of that name can be connected. A connector needs an auth config first."
            multiple
            none="All connectors"
            chosen={connectors}
            onChange={setConnectors}
            error={connectorIssue?.[1]}
            autoFocus
          />
          <Select label="Good for" choices={LIVES} value={seconds} onChange={setSeconds} isRequired />
          <div className="dialog-actions">
            <Button onPress={onClose}>Cancel</Button>
            <Button type="submit" variant="primary" isPending={action.pending}>
              Create the link
            </Button>
          </div>
        </form>
      )}
    </Dialog>
  );
}
