import { useState } from "react";
import { useQuery } from "urql";
import { type DeliveryRowFragment, WebhooksDeliveryDocument, WebhooksReplayDocument } from "../../../api/gql.ts";
import { useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { Dialog } from "../../../ui/dialog.tsx";
import { Copyable, Facts } from "../../../ui/show.tsx";
import { Table } from "../../../ui/table.tsx";
import { Time } from "../../../ui/time.tsx";
import { toast } from "../../../ui/toast.tsx";
import { Loads } from "../../shell/page.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { Status } from "../../shell/statuses.tsx";

export function Deliveries({ deliveries }: { deliveries: readonly DeliveryRowFragment[] }) {
  const [shown, setShown] = useState<string | null>(null);
  return (
    <>
      <Table
        label="Deliveries"
        rows={deliveries}
        rowKey={(delivery) => delivery.id}
        columns={[
          { title: "Event", cell: (delivery) => <code>{delivery.event}</code> },
          { title: "Status", cell: (delivery) => <Status value={delivery.status} /> },
          { title: "Attempts", number: true, cell: (delivery) => delivery.attempts },
          { title: "Last answer", cell: (delivery) => delivery.lastError ?? delivery.lastResponseStatus ?? "–" },
          { title: "When", cell: (delivery) => <Time at={delivery.deliveredAt ?? delivery.createdAt} /> },
          {
            title: "Actions",
            hidden: true,
            cell: (delivery) => (
              <Button
                small
                onPress={() => setShown(delivery.id)}
                aria-label={`Details of ${delivery.event}, ${delivery.eventId}`}
              >
                Details
              </Button>
            ),
          },
        ]}
      />
      {shown && <DeliveryDialog id={shown} onClose={() => setShown(null)} />}
    </>
  );
}

function DeliveryDialog({ id, onClose }: { id: string; onClose(): void }) {
  const [result] = useQuery({ query: WebhooksDeliveryDocument, variables: { id } });
  const replay = useAction(WebhooksReplayDocument);
  async function send(): Promise<void> {
    const outcome = await replay.run({ input: { id } });
    if (outcome.ok) toast("It is sent once more.");
  }
  return (
    <Dialog title="Delivery" isOpen onClose={onClose} wide>
      <Loads result={result} what="the delivery">
        {({ node }) =>
          node?.__typename !== "WebhookDelivery" ? (
            <p>It is not there any more.</p>
          ) : (
            <>
              <Facts
                items={[
                  ["Event", <code key="event">{node.event}</code>],
                  ["Event id", <Copyable key="id" value={node.eventId} label="event id" />],
                  ["Status", <Status key="status" value={node.status} />],
                  ["Attempts", node.attempts],
                  ["Last answer", [node.lastResponseStatus, node.lastError].filter(Boolean).join(" ") || null],
                  ["Next attempt", node.nextAttemptAt && <Time key="next" at={node.nextAttemptAt} />],
                ]}
              />
              <h3>What was sent</h3>
              <pre className="json">{JSON.stringify(node.payload, null, 2)}</pre>
            </>
          )
        }
      </Loads>
      <ProblemNotice problem={replay.problem} />
      <div className="dialog-actions">
        <Button onPress={onClose}>Close</Button>
        <Button variant="primary" onPress={() => void send()} isPending={replay.pending}>
          Send it again
        </Button>
      </div>
    </Dialog>
  );
}
