import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { StartError } from "./lib/start-error.ts";

/** The operator's default developer app for one connector, and where it was configured. */
export interface ManagedAppSetting {
  slug: string;
  clientId: string;
  /** Null: a public client. */
  clientSecret: string | null;
  /** For sentences about it: the variable, or the place in the file. */
  source: string;
}

type Env = Record<string, string | undefined>;

const FILE = "MOORLINE_MANAGED_APPS";
const VARIABLE = /^MOORLINE_APP_([A-Z0-9]+(?:_[A-Z0-9]+)*?)_(CLIENT_ID|CLIENT_SECRET)$/;
const SLUG = /^[a-z0-9][a-z0-9-]*$/;

/**
 * From the file that MOORLINE_MANAGED_APPS names, `{ "<slug>": { "clientId": "…", "clientSecret": "…" } }`, and from
 * MOORLINE_APP_<SLUG>_CLIENT_ID and _CLIENT_SECRET. Throws StartError that names what is wrong, and never shows a value.
 */
export function managedApps(file: string | undefined, env: Env): ManagedAppSetting[] {
  const inFile = file ? readFile(resolve(file)) : [];
  const inVariables = readVariables(env);
  const twice = inVariables.find(({ slug }) => inFile.some((app) => app.slug === slug));
  if (twice) throw new StartError(`${twice.source}: ${FILE} has an app for "${twice.slug}" too. Take one of them away.`);
  return [...inFile, ...inVariables];
}

function readFile(path: string): ManagedAppSetting[] {
  let json: unknown;
  try {
    json = JSON.parse(readFileSync(path, "utf8"));
  } catch (error) {
    // The parser quotes what it could not read, which may be a secret.
    const why = (error as NodeJS.ErrnoException).code ?? "it is not JSON";
    throw new StartError(`${FILE}: the file ${path} cannot be used (${why}).`);
  }
  if (!isObject(json)) throw new StartError(`${FILE}: the file ${path} must hold an object of connector slugs and their apps.`);
  return Object.entries(json).map(([slug, app]) => appIn(slug, app));
}

function appIn(slug: string, app: unknown): ManagedAppSetting {
  const source = `${FILE}: the app for "${slug}"`;
  if (!SLUG.test(slug)) throw new StartError(`${FILE}: "${slug}" is no connector's slug.`);
  if (!isObject(app)) throw new StartError(`${source} must be an object with clientId and clientSecret.`);
  const unknown = Object.keys(app).find((key) => key !== "clientId" && key !== "clientSecret");
  if (unknown !== undefined)
    throw new StartError(`${source} has "${unknown}", which is nothing: it has clientId and clientSecret.`);
  const { clientId, clientSecret = null } = app;
  if (!isText(clientId)) throw new StartError(`${source} needs a clientId: one line, as the provider shows it.`);
  if (clientSecret !== null && !isSecret(clientSecret))
    throw new StartError(`${source} has a clientSecret that is not a text. Leave it out for a public client.`);
  return { slug, clientId, clientSecret, source };
}

function readVariables(env: Env): ManagedAppSetting[] {
  const found = new Map<string, { CLIENT_ID?: string; CLIENT_SECRET?: string }>();
  for (const [name, value] of Object.entries(env)) {
    if (!name.startsWith("MOORLINE_APP_") || !value) continue;
    const [, word, part] = VARIABLE.exec(name) ?? [];
    if (!word) throw new StartError(`${name}: write MOORLINE_APP_<SLUG>_CLIENT_ID or MOORLINE_APP_<SLUG>_CLIENT_SECRET.`);
    found.set(word, { ...found.get(word), [part!]: value });
  }
  return [...found].map(([word, { CLIENT_ID: clientId, CLIENT_SECRET: clientSecret = null }]) => {
    const source = `MOORLINE_APP_${word}_CLIENT_ID`;
    if (!isText(clientId)) throw new StartError(`${source} is missing, or not one line: a client secret belongs to a client id.`);
    if (clientSecret !== null && !isSecret(clientSecret)) throw new StartError(`MOORLINE_APP_${word}_CLIENT_SECRET is too long.`);
    return { slug: word.toLowerCase().replaceAll("_", "-"), clientId, clientSecret, source };
  });
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === "string" && value.length <= 2_000 && /^\S(?:.*\S)?$/u.test(value) && !/\p{Cc}/u.test(value);
}

/** It may be a private key of several lines. */
function isSecret(value: unknown): value is string {
  return typeof value === "string" && value.trim() !== "" && value.length <= 16_384 && !value.includes("\0");
}
