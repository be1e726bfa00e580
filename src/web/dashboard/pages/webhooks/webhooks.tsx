import { useMemo, useState } from "react";
import { Link } from "react-router";
import { useQuery } from "urql";
import { WebhooksListDocument } from "../../../api/gql.ts";
import { Button } from "../../../ui/button.tsx";
import { EmptyState } from "../../../ui/show.tsx";
import { Table } from "../../../ui/table.tsx";
import { Time } from "../../../ui/time.tsx";
import { Pager, usePages } from "../../shell/more.tsx";
import { Loads, Page } from "../../shell/page.tsx";
import { useMay } from "../../shell/viewer.ts";
import { eventsInWords } from "./events.ts";
import { WebhookDialog } from "./webhook-dialog.tsx";
import { WebhookState } from "./webhook-state.tsx";

export default function Webhooks() {
  const may = useMay();
  const pages = usePages();
  const context = useMemo(() => ({ additionalTypenames: ["Webhook"] }), []);
  const [result] = useQuery({ query: WebhooksListDocument, variables: { after: pages.after }, context });
  const [creating, setCreating] = useState(false);
  const create = may("WEBHOOK_MANAGE") && (
    <Button variant="primary" onPress={() => setCreating(true)}>
      Add a webhook
    </Button>
  );
  return (
    <Page
      title="Webhooks"
      lead="Moorline tells your back end what happens: signed by Standard Webhooks, repeated until it answers with 2xx."
      actions={create}
    >
      <Loads result={result} what="the webhooks">
        {({ webhooks }) =>
          !webhooks || webhooks.nodes.length === 0 ? (
            <EmptyState title={webhooks ? "No webhook yet" : "Your role does not see webhooks."}>
              {webhooks && (
                <p className="soft">
                  Add the address of a route in your back end. It hears when a credential breaks, before your users do.
                </p>
              )}
            </EmptyState>
          ) : (
            <>
              <Table
                label="Webhooks"
                rows={webhooks.nodes}
                rowKey={(webhook) => webhook.id}
                columns={[
                  { title: "Address", cell: (webhook) => <Link to={`/webhooks/${webhook.id}`}>{webhook.url}</Link> },
                  {
                    title: "Events",
                    cell: (webhook) =>
                      webhook.events.length > 3 ? `${webhook.events.length} kinds` : eventsInWords(webhook.events),
                  },
                  { title: "State", cell: (webhook) => <WebhookState webhook={webhook} /> },
                  { title: "Added", cell: (webhook) => <Time at={webhook.createdAt} /> },
                ]}
              />
              <Pager pages={pages} info={webhooks.pageInfo} total={webhooks.totalCount} />
            </>
          )
        }
      </Loads>
      {creating && <WebhookDialog webhook={null} onClose={() => setCreating(false)} />}
    </Page>
  );
}
