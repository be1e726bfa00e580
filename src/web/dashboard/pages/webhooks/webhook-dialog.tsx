import { type FormEvent, useState } from "react";
import { CheckboxGroup, Label } from "react-aria-components";
import { type WebhookRowFragment, WebhooksCreateDocument, WebhooksUpdateDocument } from "../../../api/gql.ts";
import { issuesOf, useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { Checkbox } from "../../../ui/choice.tsx";
import { Dialog } from "../../../ui/dialog.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import { toast } from "../../../ui/toast.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { ShownOnce } from "../../shell/shown-once.tsx";
import { ALL, EVENTS } from "./events.ts";

/** Adds one (`webhook` null) or edits one. No event chosen means all of them. */
export function WebhookDialog({ webhook, onClose }: { webhook: WebhookRowFragment | null; onClose(): void }) {
  const create = useAction(WebhooksCreateDocument);
  const update = useAction(WebhooksUpdateDocument);
  const action = webhook ? update : create;
  const [url, setUrl] = useState(webhook?.url ?? "");
  const [events, setEvents] = useState<string[]>((webhook?.events ?? []).filter((name) => name !== ALL));
  const [secret, setSecret] = useState<string | null>(null);
  const issues = issuesOf(action.problem);
  const chosen = events.length > 0 ? events : [ALL];

  async function save(event: FormEvent): Promise<void> {
    event.preventDefault();
    if (webhook) {
      const outcome = await update.run({ input: { id: webhook.id, url: url.trim(), events: chosen } });
      if (!outcome.ok) return;
      toast("Saved.");
      onClose();
      return;
    }
    const outcome = await create.run({ input: { url: url.trim(), events: chosen } });
    if (outcome.ok) setSecret(outcome.payload.secret);
  }

  if (secret) return <SecretOnce secret={secret} onClose={onClose} />;
  return (
    <Dialog title={webhook ? "Edit the webhook" : "Add a webhook"} isOpen onClose={onClose}>
      <form className="stack" onSubmit={(event) => void save(event)}>
        <ProblemNotice problem={action.problem} shown={["url", "events"]} />
        <TextField
          label="Address"
          help="Of a route in your back end; https in production."
          value={url}
          onChange={setUrl}
          error={issues["url"]}
          inputMode="url"
          placeholder="https://"
          isRequired
          autoFocus
        />
        <CheckboxGroup className="field" value={events} onChange={setEvents}>
          <Label>Events</Label>
          <span className="field-help">None chosen: all of them, later ones too.</span>
          {[...new Set([...EVENTS, ...events])].map((name) => (
            <Checkbox key={name} value={name}>
              <code>{name}</code>
            </Checkbox>
          ))}
        </CheckboxGroup>
        {issues["events"] && <span className="field-error">{issues["events"]}</span>}
        <div className="dialog-actions">
          <Button onPress={onClose}>Cancel</Button>
          <Button type="submit" variant="primary" isPending={action.pending} isDisabled={url.trim() === ""}>
            {webhook ? "Save" : "Add"}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}

export function SecretOnce({ secret, onClose }: { secret: string; onClose(): void }) {
  const advice = "Your back end checks the signatures with it.";
  return <ShownOnce title="The signing secret" label="signing secret" secret={secret} advice={advice} onClose={onClose} />;
}
