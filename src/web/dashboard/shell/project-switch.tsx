import { useState } from "react";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ActionMenu } from "../../ui/menu.tsx";
import { Notice } from "../../ui/show.tsx";
import { TextField } from "../../ui/text-field.tsx";
import { type DashboardSession, signIn, switchProject } from "./session.ts";

/** A project is a closed world, and a key belongs to one: another project joins the session by a key of its own. */
export function ProjectSwitch({ session }: { session: DashboardSession }) {
  const [adding, setAdding] = useState(false);
  const current = session.projects.find((project) => project.current);
  const others = session.projects.filter((project) => !project.current);

  async function go(key: string): Promise<void> {
    await switchProject(key);
    // Nothing of the one project may stay on the screen, or in a cache, beside the other.
    location.assign("/");
  }

  const actions = [
    ...others.map((project) => ({
      id: project.key,
      label: `${project.projectName} (${project.role})`,
      onAction: () => void go(project.key),
    })),
    { id: "add", label: "Add a project by its key…", onAction: () => setAdding(true) },
  ];
  return (
    <>
      <ActionMenu label={`Project: ${current?.projectName ?? "?"}. Switch`} actions={actions}>
        {current?.projectName ?? "Project"} <span aria-hidden="true">▾</span>
      </ActionMenu>
      <span className="badge">{current?.role}</span>
      {adding && <AddProject onClose={() => setAdding(false)} />}
    </>
  );
}

function AddProject({ onClose }: { onClose(): void }) {
  const [key, setKey] = useState("");
  const [pending, setPending] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  async function add(): Promise<void> {
    setPending(true);
    setProblem(null);
    try {
      await signIn({ apiKey: key.trim() });
      location.assign("/");
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      setPending(false);
    }
  }
  return (
    <Dialog title="Add a project" isOpen onClose={onClose}>
      {problem && (
        <Notice tone="bad" live>
          {problem}
        </Notice>
      )}
      <TextField
        label="API key of the other project"
        help="You switch to it at once, and stay signed in to this one."
        value={key}
        onChange={setKey}
        secret
        isRequired
        autoFocus
      />
      <div className="dialog-actions">
        <Button onPress={onClose}>Cancel</Button>
        <Button variant="primary" onPress={() => void add()} isPending={pending} isDisabled={key.trim() === ""}>
          Add and switch
        </Button>
      </div>
    </Dialog>
  );
}
