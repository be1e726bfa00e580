import { type FormEvent, useMemo, useState } from "react";
import { useQuery } from "urql";
import { SettingsCreateProjectDocument, SettingsDeleteProjectDocument, SettingsProjectsDocument } from "../../../api/gql.ts";
import { issuesOf, useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { Dialog } from "../../../ui/dialog.tsx";
import { Badge, Copyable, EmptyState, Notice } from "../../../ui/show.tsx";
import { Table } from "../../../ui/table.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import { Time } from "../../../ui/time.tsx";
import { toast } from "../../../ui/toast.tsx";
import { Pager, usePages } from "../../shell/more.tsx";
import { Loads, Page } from "../../shell/page.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { signIn } from "../../shell/session.ts";
import { useMay, useViewer } from "../../shell/viewer.ts";

/** For the operator, who signed in by a key of the first project; nobody else is shown a list. */
export default function Projects() {
  const may = useMay();
  const viewer = useViewer();
  const pages = usePages();
  const context = useMemo(() => ({ additionalTypenames: ["Project"] }), []);
  const [result] = useQuery({ query: SettingsProjectsDocument, variables: { after: pages.after }, context });
  const [open, setOpen] = useState<"create" | { id: string; name: string } | null>(null);
  const isOperator = Boolean(result.data?.projects);
  return (
    <Page
      title="Projects"
      lead="Development, staging and production are three projects. Nothing crosses from one to another."
      actions={
        isOperator &&
        may("PROJECT_MANAGE") && (
          <Button variant="primary" onPress={() => setOpen("create")}>
            Create a project
          </Button>
        )
      }
    >
      {result.data && !result.data.projects ? (
        <EmptyState title="Only the operator sees all projects">
          <p className="soft">Sign in by an ADMIN key of the first project. Yours is “{viewer.project.name}”.</p>
        </EmptyState>
      ) : (
        <Loads result={result} what="the projects">
          {({ projects }) =>
            projects && (
              <>
                <Table
                  label="Projects"
                  rows={projects.nodes}
                  rowKey={(project) => project.id}
                  columns={[
                    {
                      title: "Name",
                      cell: (project) => (
                        <>
                          <b>{project.name}</b> {project.id === viewer.project.id && <Badge tone="live">you are here</Badge>}
                        </>
                      ),
                    },
                    { title: "Id", cell: (project) => <Copyable value={project.id} label={`id of ${project.name}`} /> },
                    { title: "Created", cell: (project) => <Time at={project.createdAt} /> },
                    {
                      title: "Actions",
                      hidden: true,
                      cell: (project) =>
                        project.id !== viewer.project.id &&
                        may("PROJECT_MANAGE") && (
                          <Button small variant="danger" onPress={() => setOpen(project)} aria-label={`Delete ${project.name}`}>
                            Delete
                          </Button>
                        ),
                    },
                  ]}
                />
                <Pager pages={pages} info={projects.pageInfo} total={projects.totalCount} />
              </>
            )
          }
        </Loads>
      )}
      {open === "create" && <CreateProject onClose={() => setOpen(null)} />}
      {open && open !== "create" && <DeleteProject project={open} onClose={() => setOpen(null)} />}
    </Page>
  );
}

function CreateProject({ onClose }: { onClose(): void }) {
  const action = useAction(SettingsCreateProjectDocument);
  const [name, setName] = useState("");
  const [key, setKey] = useState<string | null>(null);
  const [problem, setProblem] = useState<string | null>(null);
  async function create(event: FormEvent): Promise<void> {
    event.preventDefault();
    const outcome = await action.run({ input: { name: name.trim() } });
    if (outcome.ok) setKey(outcome.payload.key);
  }
  async function go(apiKey: string): Promise<void> {
    try {
      await signIn({ apiKey });
      location.assign("/");
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
    }
  }
  if (key) {
    return (
      <Dialog title={`“${name}” is there`} isOpen onClose={onClose} isDismissable={false}>
        <Notice tone="warn">Its first ADMIN key is shown once. Copy it now, into your secret store.</Notice>
        <Copyable value={key} label="API key" wrap />
        {problem && (
          <Notice tone="bad" live>
            {problem}
          </Notice>
        )}
        <div className="dialog-actions">
          <Button onPress={onClose}>Stay here</Button>
          <Button variant="primary" onPress={() => void go(key)}>
            Switch to it
          </Button>
        </div>
      </Dialog>
    );
  }
  return (
    <Dialog title="Create a project" isOpen onClose={onClose}>
      <form className="stack" onSubmit={(event) => void create(event)}>
        <ProblemNotice problem={action.problem} shown={["name"]} />
        <TextField label="Name" value={name} onChange={setName} error={issuesOf(action.problem)["name"]} isRequired autoFocus />
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

/** Asks the API first, which says whom it touches; then wants the name typed. */
function DeleteProject({ project, onClose }: { project: { id: string; name: string }; onClose(): void }) {
  const action = useAction(SettingsDeleteProjectDocument, "Project");
  const [typed, setTyped] = useState("");
  const impact = action.problem?.__typename === "InUseError" ? action.problem.impact : null;
  async function remove(confirm: boolean): Promise<void> {
    const outcome = await action.run({ input: { id: project.id, confirm } });
    if (!outcome.ok) return;
    toast(`“${project.name}” is deleted.`);
    onClose();
  }
  return (
    <Dialog title={`Delete “${project.name}”?`} isOpen onClose={onClose}>
      <p>Its credentials are revoked at the providers, its secrets destroyed. This can’t be undone.</p>
      {impact ? (
        <Notice tone="warn" title="It is in use." live>
          <p>
            {impact.activeCredentialCount} working credentials of {impact.userCount} users, {impact.pendingRequestCount}{" "}
            connections under way.
          </p>
        </Notice>
      ) : (
        <ProblemNotice problem={action.problem} />
      )}
      <TextField label={`Type “${project.name}” to confirm`} value={typed} onChange={setTyped} isRequired autoFocus />
      <div className="dialog-actions">
        <Button onPress={onClose}>Cancel</Button>
        <Button
          variant="danger"
          isDisabled={typed.trim() !== project.name}
          isPending={action.pending}
          onPress={() => void remove(impact !== null)}
        >
          {impact ? "Delete all the same" : "Delete"}
        </Button>
      </div>
    </Dialog>
  );
}
