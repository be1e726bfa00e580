import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestApp, type TestApp } from "./support/app.ts";
import { type GraphQLAnswer, send } from "./support/graphql.ts";
import { connect, createSession } from "./support/seed.ts";

let app: TestApp;
let session: string;
let credentialId: string;

beforeAll(async () => {
  app = await startTestApp();
  const connected = await connect(app, app.adminKey);
  session = await createSession(app, app.adminKey, connected.userId);
  credentialId = connected.credential!.id;
});

afterAll(() => app?.close());

const OPERATIONS: [string, string, () => object][] = [
  [
    "data",
    "query Q($id: ID!) { credential(id: $id) { ...F } } fragment F on Credential { id status user { externalId } }",
    () => ({ id: credentialId }),
  ],
  [
    "skipped and included fields",
    "query Q($no: Boolean!) { viewer { role @skip(if: $no) __typename @include(if: true) } }",
    () => ({ no: true }),
  ],
  [
    "aliases, variables in inner arguments and defaults",
    "query Q($n: Int = 1) { a: connectors(first: $n) { nodes { slug } } b: connectors(first: 2) { nodes { authConfigs(first: $n) { totalCount } } } }",
    () => ({}),
  ],
  ["a variable that does not fit", "query Q($id: ID!) { credential(id: $id) { id } }", () => ({ id: { no: "id" } })],
  ["a variable that is missing", "query Q($id: ID!) { credential(id: $id) { id } }", () => ({})],
  [
    "an unknown enum value",
    "query Q($f: CredentialFilter) { credentials(filter: $f) { totalCount } }",
    () => ({ f: { status: ["ACTVE"] } }),
  ],
  ["none of the members of which one has to be given", "query Q($by: UserRef!) { user(by: $by) { id } }", () => ({ by: {} })],
  [
    "two of the members of which one has to be given",
    "mutation Q($input: InitiateConnectionInput!) { initiateConnection(input: $input) { __typename } }",
    () => ({ input: { target: { authConfigId: "ac_x", connectorSlug: "sandbox" }, projectOwned: true } }),
  ],
  ["a field that is refused beside one that is not", "{ viewer { role }\n  apiKeys { totalCount } }", () => ({})],
  ["a bad cursor", '{\n  credentials(after: "garbage") { nodes { id } } viewer { role } }', () => ({})],
  [
    "a mutation's expected error",
    'mutation { a: setCredentialEnabled(input: { id: "cred_unknown", enabled: true }) { __typename ... on UserError { code message } } }',
    () => ({}),
  ],
  [
    "mutations, one after the other",
    "mutation Q($id: ID!) { a: setCredentialEnabled(input: { id: $id, enabled: false }) { ...P } b: setCredentialEnabled(input: { id: $id, enabled: true }) { ...P } } fragment P on SetCredentialEnabledPayload { credential { status } }",
    () => ({ id: credentialId }),
  ],
  [
    "introspection",
    '{ __type(name: "Credential") { name fields { name type { name } } } __schema { queryType { name } } }',
    () => ({}),
  ],
];

describe("an operation that comes often answers as it did the first time", () => {
  it.each(OPERATIONS)("with %s", async (_what, text, variables) => {
    // Never seen before, whatever the other tests sent.
    const query = `# ${randomUUID()}\n${text}`;
    for (const token of [app.adminKey, session]) {
      const answers: GraphQLAnswer<unknown>[] = [];
      for (let time = 0; time < 22; time += 1) answers.push(await send(app, token, query, variables()));
      for (const answer of answers) expect(answer).toEqual(answers[0]);
    }
  });
});
