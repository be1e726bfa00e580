import { randomUUID } from "node:crypto";
import type { TestApp } from "./app.ts";
import { run } from "./graphql.ts";
import type { StaticApi } from "./static-api.ts";

/** What credentials that somebody types are tested with, all of it through the API. */

export interface Shown {
  id: string;
  status: string;
  statusReason: string | null;
  label: string | null;
  version: number;
  scheme: string;
  canRefresh: boolean;
  lastTestedAt: string | null;
  accessTokenExpiresAt: string | null;
  account: { id: string; name: string | null } | null;
  scopes: { requested: string[]; granted: string[]; missing: string[] };
  history: { nodes: { kind: string; status: string; message: string }[] };
}

export interface Answered {
  __typename: string;
  code?: string;
  message?: string;
  issues?: { path: string[]; code: string; message: string }[];
  result?: { ok: boolean; code: string; message: string; remedy: string | null; latencyMs: number };
  impact?: { activeCredentialCount: number };
  credential?: Shown;
  authConfig?: { id: string; version: number; status: string; statusReason: string | null; presetFields: string[] };
  connector?: { id: string; slug: string };
  connectionRequest?: { id: string; status: string; authorizationUrl: string | null; connectUrl: string | null };
  revealed?: Revealed;
}

export interface Revealed {
  accessToken: string | null;
  tokenType: string | null;
  fields: Record<string, unknown>;
  headers: Record<string, string>;
  query: Record<string, string>;
}

export const CREDENTIAL = `id status statusReason label version scheme canRefresh lastTestedAt accessTokenExpiresAt account { id name }
  scopes { requested granted missing } history(first: 20) { nodes { kind status message } }`;

const RESULT = "result { ok code message remedy latencyMs }";
const PAYLOADS: Record<string, string> = {
  createCredential: `credential { ${CREDENTIAL} }`,
  importCredential: `credential { ${CREDENTIAL} }`,
  updateCredential: `credential { ${CREDENTIAL} }`,
  testCredential: `credential { ${CREDENTIAL} } ${RESULT}`,
  tryCredential: RESULT,
  revealCredential: "credential { id status } revealed { accessToken tokenType fields headers query }",
  setCredentialEnabled: `credential { ${CREDENTIAL} }`,
  revokeCredential: `credential { ${CREDENTIAL} }`,
  createConnector: "connector { id slug }",
  updateConnector: "connector { id slug }",
  createAuthConfig: "authConfig { id version status statusReason presetFields }",
  updateAuthConfig: "authConfig { id version status statusReason presetFields }",
  setAuthConfigEnabled: "authConfig { id version status statusReason presetFields }",
  initiateConnection: "connectionRequest { id status authorizationUrl connectUrl }",
  reauthorizeCredential: "connectionRequest { id status authorizationUrl connectUrl }",
};

const MAY_FAIL_ITS_TEST = new Set(["createCredential", "importCredential", "updateCredential"]);
const MAY_TOUCH_OTHERS = new Set(["updateConnector", "updateAuthConfig"]);

/** One mutation by name with its one input, and all that it can answer. */
export async function ask(app: TestApp, token: string, name: string, input: object): Promise<Answered> {
  const type = name.charAt(0).toUpperCase() + name.slice(1);
  const data = await run<Record<string, Answered>, object>(
    app,
    token,
    `mutation Typed($input: ${type}Input!) {
      ${name}(input: $input) {
        __typename
        ... on ${type}Payload { ${PAYLOADS[name]} }
        ... on UserError { code message }
        ... on InvalidInputError { issues { path code message } }
        ${MAY_FAIL_ITS_TEST.has(name) ? `... on TestFailedError { ${RESULT} }` : ""}
        ${MAY_TOUCH_OTHERS.has(name) ? "... on InUseError { impact { activeCredentialCount } }" : ""}
      }
    }`,
    { input },
  );
  return data[name]!;
}

/** The payload's credential; fails with the error that stands in its place. */
export async function made(answer: Promise<Answered>): Promise<Shown> {
  const given = await answer;
  if (!given.credential) throw new Error(`No credential came: ${JSON.stringify(given)}`);
  return given.credential;
}

/** What went wrong: `fields.apiKey REQUIRED`, or the error's code. */
export function wrong({ __typename, issues, code }: Answered): string {
  return issues ? issues.map((issue) => `${issue.path.join(".")} ${issue.code}`).join(", ") : `${__typename} ${code}`;
}

export type SchemeInput =
  | { apiKey: { location: "HEADER" | "QUERY" | "COOKIE"; name: string; prefix?: string } }
  | { bearerToken: { headerName?: string; prefix?: string } }
  | { basic: { usernameLabel?: string; passwordLabel?: string } }
  | { none: { note?: string } };

/** A connector of the project's own at that API, with or without a call to test with. */
export async function createConnector(app: TestApp, key: string, api: StaticApi, scheme: SchemeInput, testable = true) {
  const slug = `own-${randomUUID().slice(0, 8)}`;
  const verification = testable
    ? { method: "GET", path: "/me", accountIdPath: "user.id", accountNamePath: "user.name" }
    : undefined;
  const answer = await ask(app, key, "createConnector", { slug, name: `Own ${slug}`, baseUrl: api.url, scheme, verification });
  if (!answer.connector) throw new Error(`No connector came: ${JSON.stringify(answer)}`);
  return answer.connector;
}

/** The same with an auth config; `input` adds to the config. */
export async function createTypedConfig(
  app: TestApp,
  key: string,
  api: StaticApi,
  scheme: SchemeInput,
  { testable = true, ...input }: { testable?: boolean; presetCredentialFields?: object } = {},
) {
  const connector = await createConnector(app, key, api, scheme, testable);
  const config = { connectorSlug: connector.slug, name: `Config ${randomUUID()}`, ...input };
  const answer = await ask(app, key, "createAuthConfig", config);
  if (!answer.authConfig) throw new Error(`No auth config came: ${JSON.stringify(answer)}`);
  return { connector, authConfigId: answer.authConfig.id, target: { authConfigId: answer.authConfig.id } };
}

export async function readTyped(app: TestApp, token: string, id: string): Promise<Shown | null> {
  const query = `query TypedRead($id: ID!) { credential(id: $id) { ${CREDENTIAL} } }`;
  return (await run<{ credential: Shown | null }, object>(app, token, query, { id })).credential;
}

/** Newest last: what the history says happened. */
export function kinds(credential: Shown): string[] {
  return credential.history.nodes.map((event) => event.kind).toReversed();
}
