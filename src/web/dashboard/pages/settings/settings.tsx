import { type FormEvent, useState } from "react";
import { useQuery } from "urql";
import { type ProjectSettingsFragment, SettingsProjectDocument, SettingsUpdateProjectDocument } from "../../../api/gql.ts";
import { issuesOf, useAction } from "../../../api/use-action.ts";
import { Button } from "../../../ui/button.tsx";
import { Copyable, Facts, Notice } from "../../../ui/show.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import { Time } from "../../../ui/time.tsx";
import { toast } from "../../../ui/toast.tsx";
import { Loads, Page } from "../../shell/page.tsx";
import { ProblemNotice } from "../../shell/problem.tsx";
import { useMay } from "../../shell/viewer.ts";

export default function Settings() {
  const may = useMay();
  const [result] = useQuery({ query: SettingsProjectDocument });
  return (
    <Page title="Settings" lead="Of this project: a closed world, which shares nothing with the others.">
      <Loads result={result} what="the project">
        {({ viewer: { project } }) => (
          <>
            <Facts
              items={[
                ["Id", <Copyable key="id" value={project.id} label="project id" />],
                ["Created", <Time key="created" at={project.createdAt} />],
              ]}
            />
            {may("PROJECT_MANAGE") ? <ProjectForm key={project.id} project={project} /> : <ReadOnly project={project} />}
          </>
        )}
      </Loads>
    </Page>
  );
}

function ReadOnly({ project }: { project: ProjectSettingsFragment }) {
  return (
    <Facts
      items={[
        ["Name", project.name],
        ["Return URLs", project.allowedReturnUrls?.join(", ")],
        ["Origins", project.allowedOrigins?.join(", ")],
        ["Verify URL", project.verifyUrl],
        ["Product name", project.branding.productName],
      ]}
    />
  );
}

const TEXTS = [
  { name: "name", label: "Name", help: "For people; yours alone." },
  {
    name: "verifyUrl",
    label: "Verify URL",
    help: "Where your product confirms who is at the browser before an account is connected. Without it our own page asks.",
  },
] as const;
const LISTS = [
  { name: "allowedReturnUrls", label: "Return URLs", help: "One on each line. Where a browser may be sent at the end, exactly." },
  {
    name: "allowedOrigins",
    label: "Origins of your front ends",
    help: "One on each line, like https://app.example.com. They may call the API with a user session and hear of a popup’s result.",
  },
] as const;
const BRAND = [
  { name: "productName", label: "Product name", help: "The hosted page says it in the place of ours." },
  { name: "logoUrl", label: "Logo", help: "https address of a PNG, SVG, JPEG or WebP. We fetch it and serve it ourselves." },
  { name: "logoDarkUrl", label: "Logo on a dark ground", help: "Empty: the same." },
  { name: "accentColor", label: "Accent colour", help: "As #rrggbb. Where it has too little contrast, the page adapts it." },
  { name: "privacyUrl", label: "Privacy policy", help: "Linked at the foot of the hosted page." },
  { name: "termsUrl", label: "Terms of service", help: "Linked at the foot of the hosted page." },
  { name: "supportUrl", label: "Support", help: "Linked where something went wrong." },
] as const;

type Values = Record<string, string>;

function valuesOf(project: ProjectSettingsFragment): Values {
  const { branding } = project;
  return {
    name: project.name,
    verifyUrl: project.verifyUrl ?? "",
    allowedReturnUrls: project.allowedReturnUrls?.join("\n") ?? "",
    allowedOrigins: project.allowedOrigins?.join("\n") ?? "",
    ...Object.fromEntries(BRAND.map(({ name }) => [name, branding[name] ?? ""])),
  };
}

function ProjectForm({ project }: { project: ProjectSettingsFragment }) {
  const action = useAction(SettingsUpdateProjectDocument);
  const [values, setValues] = useState<Values>(() => valuesOf(project));
  const issues = issuesOf(action.problem);
  const set = (name: string) => (value: string) => setValues((known) => ({ ...known, [name]: value }));
  const text = (name: string) => values[name]?.trim() || null;
  const lines = (name: string) =>
    (values[name] ?? "")
      .split("\n")
      .map((line) => line.trim())
      .filter(Boolean);

  async function save(event: FormEvent): Promise<void> {
    event.preventDefault();
    const branding = Object.fromEntries(BRAND.map(({ name }) => [name, text(name)]));
    const outcome = await action.run({
      input: {
        id: project.id,
        name: text("name") ?? "",
        verifyUrl: text("verifyUrl"),
        allowedReturnUrls: lines("allowedReturnUrls"),
        allowedOrigins: lines("allowedOrigins"),
        branding,
      },
    });
    if (outcome.ok) toast("Saved.");
  }

  const field = (spec: { name: string; label: string; help: string }, path: string, multiline = false) => (
    <TextField
      key={spec.name}
      label={spec.label}
      help={spec.help}
      value={values[spec.name] ?? ""}
      onChange={set(spec.name)}
      error={firstIssue(issues, path)}
      multiline={multiline}
      isRequired={spec.name === "name"}
    />
  );
  return (
    <form className="stack" onSubmit={(event) => void save(event)}>
      <ProblemNotice problem={action.problem} shown={Object.keys(issues).filter((path) => !path.startsWith("id"))} />
      {!project.verifyUrl && (
        <Notice tone="warn" title="Your product does not confirm who connects.">
          <p>
            A forwarded link is then held up by a question on our page alone. Set a verify URL to have your own sign-in decide.
          </p>
        </Notice>
      )}
      {TEXTS.map((spec) => field(spec, spec.name))}
      {LISTS.map((spec) => field(spec, spec.name, true))}
      <fieldset className="group stack">
        <legend>What people see on the hosted page</legend>
        {BRAND.map((spec) => field(spec, `branding.${spec.name}`))}
      </fieldset>
      <div>
        <Button type="submit" variant="primary" isPending={action.pending}>
          Save
        </Button>
      </div>
    </form>
  );
}

/** A list's issues have the number of the entry behind the name. */
function firstIssue(issues: Record<string, string>, path: string): string | null {
  const found = Object.entries(issues).find(([key]) => key === path || key.startsWith(`${path}.`));
  return found?.[1] ?? null;
}
