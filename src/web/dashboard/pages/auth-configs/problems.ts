import type { AuthConfigFullFragment, SchemeDetailsFragment } from "../../../api/gql.ts";
import { issuesOf, type Problem } from "../../../api/use-action.ts";
import { problemsOf } from "../../../forms/values.ts";
import { FORM_WORDS } from "../../shell/form-words.ts";
import { type Draft, presettable } from "./draft.ts";

/** What is wrong, by the path that the server would name: `name`, `clientSecret`, `parameters.region`. */
export type Problems = Record<string, string>;

/** What can be told without the server. `config`: the stored one, whose secrets need not be typed again. */
export function draftProblems(draft: Draft, scheme: SchemeDetailsFragment, config: AuthConfigFullFragment | null): Problems {
  const found: Problems = {};
  if (draft.name.trim() === "") found["name"] = "Give it a name.";
  const clientChanges = config === null || draft.clientId.trim() !== (config.ownApp ? config.clientId : "");
  if (draft.ownApp && draft.clientId.trim() === "") found["clientId"] = "Enter the client id of your app.";
  if (draft.ownApp && scheme.needsClientSecret && clientChanges && draft.clientSecret === "")
    found["clientSecret"] = "Enter the client secret that belongs to this client id.";
  if (scheme.flows.length > 0 && draft.flows.length === 0) found["flows"] = "Choose one at least.";
  const kept = new Set(config?.presetFields ?? []);
  const presets = presettable(scheme, draft).map((field) => ({ ...field, required: true }));
  return {
    ...found,
    ...under("parameters", problemsOf(scheme.authConfigFields, draft.parameters, FORM_WORDS)),
    ...under("presetCredentialFields", problemsOf(presets, withTexts(presets, draft), FORM_WORDS, kept)),
  };
}

function withTexts(fields: readonly { name: string }[], { presets }: Draft) {
  return Object.fromEntries(fields.map(({ name }) => [name, presets[name] ?? ""]));
}

function under(prefix: string, problems: Record<string, string>): Problems {
  return Object.fromEntries(Object.entries(problems).map(([name, message]) => [`${prefix}.${name}`, message]));
}

/** Those below `prefix`, by what follows it. */
export function below(prefix: string, problems: Problems): Record<string, string> {
  const start = `${prefix}.`;
  return Object.fromEntries(
    Object.entries(problems).flatMap(([path, message]) => (path.startsWith(start) ? [[path.slice(start.length), message]] : [])),
  );
}

/** Of a diagnosis: the member that the input stands in. */
const BELOW = /^(draft|change)\./;

/** What the server said of single fields; a diagnosis names what it was given, too. */
export function serverProblems(problem: Problem | null): Problems {
  if (problem?.code === "DUPLICATE_NAME") return { name: problem.message };
  return Object.fromEntries(Object.entries(issuesOf(problem)).map(([path, message]) => [path.replace(BELOW, ""), message]));
}

/** Paths that some field of the form shows by itself; the rest has to be listed. */
export function shownPaths(problem: Problem | null, scheme: SchemeDetailsFragment, draft: Draft): string[] {
  const own = ["name", "description", "clientId", "clientSecret", "clientSecretExpiresAt", "webhookSecret", "flows", "scopes"];
  const fields = scheme.authConfigFields.map((field) => `parameters.${field.name}`);
  const presets = draft.preset.map((name) => `presetCredentialFields.${name}`);
  const known = new Set([...own, ...fields, ...presets]);
  return Object.keys(issuesOf(problem)).filter((path) => {
    const plain = path.replace(BELOW, "");
    return known.has(plain) || /^(scopes|flows)\./.test(plain) || plain.startsWith("parameters.authorizationParameters");
  });
}
