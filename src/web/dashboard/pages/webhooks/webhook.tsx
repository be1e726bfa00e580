import { useMemo, useState } from "react";
import { useNavigate, useParams } from "react-router";
import { useQuery } from "urql";
import {
  type WebhookDeliveryStatus,
  type WebhookRowFragment,
  WebhooksDeleteDocument,
  WebhooksDetailDocument,
  WebhooksRotateDocument,
  WebhooksUpdateDocument,
} from "../../../api/gql.ts";
import { useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { Select } from "../../../ui/choice.tsx";
import { ConfirmDialog } from "../../../ui/dialog.tsx";
import { Copyable, EmptyState, Facts } from "../../../ui/show.tsx";
import { Time } from "../../../ui/time.tsx";
import { toast } from "../../../ui/toast.tsx";
import { Pager, usePages } from "../../shell/more.tsx";
import { Loads, NotFound, Page } from "../../shell/page.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { useMay } from "../../shell/viewer.ts";
import { Deliveries } from "./deliveries.tsx";
import { eventsInWords } from "./events.ts";
import { SecretOnce, WebhookDialog } from "./webhook-dialog.tsx";
import { WebhookState } from "./webhook-state.tsx";

const STATUSES = [
  { value: "ALL", label: "All" },
  { value: "PENDING", label: "Waiting to be sent" },
  { value: "DELIVERED", label: "Delivered" },
  { value: "FAILED", label: "Failed for good" },
];

export default function WebhookPage() {
  const { id = "" } = useParams();
  const pages = usePages();
  const [status, setStatus] = useState("ALL");
  const context = useMemo(() => ({ additionalTypenames: ["WebhookDelivery"] }), []);
  const filter = status === "ALL" ? null : { status: [status as WebhookDeliveryStatus] };
  const [result, read] = useQuery({ query: WebhooksDetailDocument, variables: { id, filter, after: pages.after }, context });
  function choose(value: string): void {
    setStatus(value || "ALL");
    pages.restart();
  }
  const refresh = () => read({ requestPolicy: "network-only" });
  return (
    <Loads result={result} what="the webhook">
      {({ node }) =>
        node?.__typename !== "Webhook" ? (
          <NotFound what="webhook" />
        ) : (
          <Page title="Webhook" actions={<Actions webhook={node} />}>
            <Facts
              items={[
                ["Address", node.url],
                ["Id", <Copyable key="id" value={node.id} label="webhook id" />],
                ["State", <WebhookState key="state" webhook={node} />],
                ["Events", eventsInWords(node.events)],
                ["Added", <Time key="added" at={node.createdAt} />],
              ]}
            />
            <div className="row spread">
              <h2>Deliveries</h2>
              <div className="filters">
                <Select label="Status" choices={STATUSES} value={status} onChange={choose} filter />
                <Button onPress={refresh}>Read again</Button>
              </div>
            </div>
            {node.deliveries.nodes.length === 0 ? (
              <EmptyState title="No delivery yet">
                <p className="soft">The next event that fits is sent here, and stands in this list with its answer.</p>
              </EmptyState>
            ) : (
              <Deliveries deliveries={node.deliveries.nodes} />
            )}
            <Pager pages={pages} info={node.deliveries.pageInfo} total={node.deliveries.totalCount} />
          </Page>
        )
      }
    </Loads>
  );
}

type Open = "edit" | "delete" | "rotate" | null;

function Actions({ webhook }: { webhook: WebhookRowFragment }) {
  const may = useMay();
  const navigate = useNavigate();
  const update = useAction(WebhooksUpdateDocument);
  const remove = useAction(WebhooksDeleteDocument, "Webhook");
  const rotate = useAction(WebhooksRotateDocument);
  const [open, setOpen] = useState<Open>(null);
  const [secret, setSecret] = useState<string | null>(null);
  if (!may("WEBHOOK_MANAGE")) return null;
  const close = () => setOpen(null);

  async function toggle(): Promise<void> {
    const outcome = await update.run({ input: { id: webhook.id, enabled: !webhook.enabled } });
    if (outcome.ok) toast(webhook.enabled ? "Switched off: what happens meanwhile is not sent." : "Switched on.");
  }
  async function rotateNow(): Promise<void> {
    const outcome = await rotate.run({ input: { id: webhook.id } });
    if (!outcome.ok) return;
    close();
    setSecret(outcome.payload.secret);
  }
  async function removeNow(): Promise<void> {
    const outcome = await remove.run({ input: { id: webhook.id } });
    if (!outcome.ok) return;
    toast("The webhook is deleted.");
    void navigate("/webhooks");
  }

  return (
    <>
      <ProblemNotice problem={update.problem} />
      <Button onPress={() => setOpen("edit")}>Edit</Button>
      <Button onPress={() => void toggle()} isPending={update.pending}>
        {webhook.enabled ? "Switch off" : "Switch on"}
      </Button>
      <Button onPress={() => setOpen("rotate")}>New secret</Button>
      <Button variant="danger" onPress={() => setOpen("delete")}>
        Delete
      </Button>
      {open === "edit" && <WebhookDialog webhook={webhook} onClose={close} />}
      <ConfirmDialog
        title="Make a new signing secret?"
        isOpen={open === "rotate"}
        onClose={close}
        onConfirm={() => void rotateNow()}
        confirmLabel="Make a new one"
        isPending={rotate.pending}
      >
        <p>For a while deliveries are signed with both, so that your back end can change over without losing one.</p>
        <ProblemNotice problem={rotate.problem} />
      </ConfirmDialog>
      <ConfirmDialog
        title="Delete this webhook?"
        isOpen={open === "delete"}
        onClose={close}
        onConfirm={() => void removeNow()}
        confirmLabel="Delete"
        danger
        isPending={remove.pending}
      >
        <p>What waits to be sent to it is dropped.</p>
        <ProblemNotice problem={remove.problem} />
      </ConfirmDialog>
      {secret && <SecretOnce secret={secret} onClose={() => setSecret(null)} />}
    </>
  );
}
