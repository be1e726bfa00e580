import { useState } from "react";
import { useSearchParams } from "react-router";
import { useClient, useQuery } from "urql";
import { type AuditEventFilter, AuditListDocument, type AuditRowFragment, AuditVerifyDocument } from "../../../api/gql.ts";
import { Button } from "../../../ui/button.tsx";
import { Dialog } from "../../../ui/dialog.tsx";
import { Badge, Copyable, EmptyState, Facts, Notice } from "../../../ui/show.tsx";
import { Table } from "../../../ui/table.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import { Time } from "../../../ui/time.tsx";
import { Pager, usePages } from "../../shell/more.tsx";
import { Loads, Page } from "../../shell/page.tsx";

const FILTERS = ["action", "actorId", "targetId", "from", "to"] as const;

export default function Audit() {
  const pages = usePages();
  const [search, setSearch] = useSearchParams();
  const [result] = useQuery({
    query: AuditListDocument,
    variables: { filter: filterOf(search), after: pages.after },
    requestPolicy: "cache-and-network",
  });
  const [shown, setShown] = useState<AuditRowFragment | null>(null);

  function set(name: string, value: string): void {
    pages.restart();
    setSearch(
      (known) => {
        if (value) known.set(name, value);
        else known.delete(name);
        return known;
      },
      { replace: true },
    );
  }

  function clear(): void {
    pages.restart();
    setSearch({});
  }

  return (
    <Page
      title="Audit log"
      lead="Who did what, and when; refusals, too. Each row is sealed into a chain of hashes seconds after it was written."
      actions={<VerifyChain />}
    >
      <search className="filters">
        <TextField
          label="Action"
          value={search.get("action") ?? ""}
          onChange={(value) => set("action", value)}
          placeholder="credential.revealed"
          filter
        />
        <TextField
          label="Actor’s id"
          value={search.get("actorId") ?? ""}
          onChange={(value) => set("actorId", value)}
          placeholder="key_…"
          filter
        />
        <TextField
          label="Target’s id"
          value={search.get("targetId") ?? ""}
          onChange={(value) => set("targetId", value)}
          placeholder="cred_…"
          filter
        />
        <TextField label="From" type="date" value={search.get("from") ?? ""} onChange={(value) => set("from", value)} filter />
        <TextField label="Until" type="date" value={search.get("to") ?? ""} onChange={(value) => set("to", value)} filter />
        <Button onPress={clear}>Clear</Button>
      </search>
      <Loads result={result} what="the audit log">
        {({ auditEvents }) =>
          !auditEvents ? (
            <EmptyState title="Your role does not see the audit log." />
          ) : auditEvents.nodes.length === 0 ? (
            <EmptyState title="No event fits">
              <p className="soft">Take a filter away, or look at another time.</p>
            </EmptyState>
          ) : (
            <>
              <AuditTable events={auditEvents.nodes} onShow={setShown} />
              <Pager pages={pages} info={auditEvents.pageInfo} total={auditEvents.totalCount} />
            </>
          )
        }
      </Loads>
      {shown && <AuditDialog event={shown} onClose={() => setShown(null)} />}
    </Page>
  );
}

/** Days are the reader's own: from the first moment of one to the last of the other. */
function filterOf(search: URLSearchParams): AuditEventFilter {
  const { action, actorId, targetId, from, to } = Object.fromEntries(
    FILTERS.map((name) => [name, search.get(name)?.trim() || null]),
  );
  return { action, actorId, targetId, from: dayAt(from, "00:00:00"), to: dayAt(to, "23:59:59.999") };
}

function dayAt(day: string | null | undefined, time: string): string | null {
  return day && /^\d{4}-\d{2}-\d{2}$/.test(day) ? new Date(`${day}T${time}`).toISOString() : null;
}

function AuditTable({ events, onShow }: { events: readonly AuditRowFragment[]; onShow(event: AuditRowFragment): void }) {
  return (
    <Table
      label="Audit events"
      rows={events}
      rowKey={(event) => event.id}
      columns={[
        { title: "When", cell: (event) => <Time at={event.at} /> },
        { title: "Action", cell: (event) => <code>{event.action}</code> },
        { title: "Outcome", cell: (event) => <Outcome value={event.outcome} /> },
        { title: "Who", cell: (event) => event.actorLabel },
        { title: "Target", cell: (event) => (event.targetId ? <code>{event.targetId}</code> : "–") },
        {
          title: "Actions",
          hidden: true,
          cell: (event) => (
            <Button small onPress={() => onShow(event)} aria-label={`Details of ${event.action}`}>
              Details
            </Button>
          ),
        },
      ]}
    />
  );
}

function Outcome({ value }: { value: string }) {
  return (
    <Badge tone={value === "ALLOWED" ? "good" : value === "DENIED" ? "bad" : "warn"}>
      {value.charAt(0) + value.slice(1).toLowerCase()}
    </Badge>
  );
}

function AuditDialog({ event, onClose }: { event: AuditRowFragment; onClose(): void }) {
  return (
    <Dialog title={event.action} isOpen onClose={onClose} wide>
      <Facts
        items={[
          ["When", new Date(event.at).toLocaleString("en")],
          ["Outcome", <Outcome key="outcome" value={event.outcome} />],
          ["Who", event.actorLabel],
          ["Address", event.ip],
          ["Target", event.targetId && <Copyable key="target" value={event.targetId} label="target id" />],
          ["Seal", event.seal ? <Copyable key="seal" value={event.seal.hash} label="hash" /> : "not sealed yet"],
        ]}
      />
      <h3>Details</h3>
      <pre className="json">{JSON.stringify(event.details, null, 2)}</pre>
      <div className="dialog-actions">
        <Button onPress={onClose}>Close</Button>
      </div>
    </Dialog>
  );
}

/** Recomputes the chain; what a row was changed after it was sealed shows here. */
function VerifyChain() {
  const client = useClient();
  const [pending, setPending] = useState(false);
  const [said, setSaid] = useState<{ ok: boolean; text: string } | null>(null);
  async function verify(): Promise<void> {
    setPending(true);
    const { data, error } = await client.query(AuditVerifyDocument, {}, { requestPolicy: "network-only" }).toPromise();
    setPending(false);
    const found = data?.auditVerification;
    if (!found) setSaid({ ok: false, text: error?.graphQLErrors[0]?.message ?? error?.message ?? "No answer came." });
    else if (found.fault) setSaid({ ok: false, text: `Event ${found.fault.sequence}: ${found.fault.message}` });
    else
      setSaid({
        ok: true,
        text: `${found.checkedCount} events are as they were sealed; ${found.unsealedCount} wait for their seal.`,
      });
  }
  return (
    <>
      {said && (
        <Notice tone={said.ok ? "good" : "bad"} live>
          {said.text}
        </Notice>
      )}
      <Button onPress={() => void verify()} isPending={pending}>
        Verify the chain
      </Button>
    </>
  );
}
