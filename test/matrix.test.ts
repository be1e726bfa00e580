import { readFileSync } from "node:fs";
import { buildSchema } from "graphql";
import { createClient } from "graphql-ws";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestApp } from "./support/app.ts";
import { run, send } from "./support/graphql.ts";
import { CASES } from "./support/matrix-cases.ts";
import { GROUPS, keysText } from "./support/matrix-groups.ts";
import { idPaths, operation, outcomeOf, put, rootFields } from "./support/matrix-walk.ts";
import { absentId, type Kind, makeWorld, type World } from "./support/matrix-world.ts";

const schema = buildSchema(readFileSync(new URL("../schema.graphql", import.meta.url), "utf8"));
const contract = readFileSync(new URL("./contract.graphql", import.meta.url), "utf8");

type Variables = Record<string, unknown>;
type Row = Record<string, string>;

const ENDED = ["no token", "garbage token", "expired key", "revoked key", "expired session", "revoked session"];

let world: World;
/** Caller to outcome, by field, and by field and id argument. */
const matrix: Record<string, Row> = {};

function rowOf(label: string): Row {
  matrix[label] ??= {};
  return matrix[label];
}

beforeAll(async () => {
  world = await makeWorld(await startTestApp());
});
afterAll(() => world?.app.close());

/** Every id argument of a field with everything that it can name. */
function idCases(root: string) {
  const { ids = {} } = CASES[root]!;
  return Object.entries(ids).flatMap(([path, named]) => {
    const kinds =
      typeof named === "string" ? [named] : Array.isArray(named) ? (named as Kind[]) : [(named as { kind: Kind }).kind];
    const variables = typeof named === "object" && "variables" in named ? named.variables : CASES[root]!.variables;
    return kinds.map((kind) => ({ path, kind, variables, label: `${root} ${path}${kinds.length > 1 ? `=${kind}` : ""}` }));
  });
}

/** The other project's objects are its own ADMIN's, and the operator sees every project. */
function sees(caller: string, kind: Kind): boolean {
  return caller === "ADMIN of another project" || (caller === "ADMIN of the operator" && kind.endsWith("Project"));
}

/** What names nothing for a caller of `home`: another project's, nobody's, another type's, nonsense. */
function nothings(kind: Kind, root: string): string[] {
  const absent = absentId(kind);
  const foreign = kind === "BuiltInConnector" ? absent : world.other.ids[kind === "UsedSlug" ? "Slug" : kind];
  if (kind === "Slug" || kind === "UsedSlug" || kind === "ExternalId") return [foreign, absent];
  const wrong = world.home.ids[kind.endsWith("Credential") ? "User" : "Credential"];
  const anyType = ["Query.node", "Query.nodes", "Query.auditEvents"].includes(root);
  return [foreign, absent, anyType ? absent : wrong, "garbage", "", `${absent}'--`];
}

/** The answers under the aliases, each with the id that was asked for left out. */
async function ask(root: string, caller: string, all: Variables[], given: string[] = []) {
  const { query, variables } = operation(schema, root, all);
  const answer = await send<Record<string, unknown>, Variables>(world.app, world.callers[caller]!, query, variables);
  const bare = given.map((id, index) => {
    const errors = answer.errors
      ?.filter(({ path }) => path?.[0] === `a${index}`)
      .map(({ message, extensions }) => [message, extensions]);
    const text = JSON.stringify([answer.data?.[`a${index}`], errors]);
    return id === "" ? text : text.replaceAll(id, "<id>");
  });
  const text = given.reduce((left, id) => (id === "" ? left : left.replaceAll(id, "<id>")), JSON.stringify(answer));
  expect(text, `${root} as ${caller}`).not.toMatch(caller === "ADMIN of another project" ? /INTERNAL/ : /INTERNAL|zz-other/);
  return { status: answer.status, outcomes: all.map((_variables, index) => outcomeOf(answer, `a${index}`)), bare };
}

async function walk(root: string): Promise<void> {
  const { variables = () => ({}), consumes } = CASES[root]!;
  const { ids } = world.home;
  matrix[root] = {};
  for (const caller of Object.keys(world.callers)) {
    const isSession = caller.includes("session");
    const note = async (label: string, given: Variables) => {
      const { status, outcomes } = await ask(root, caller, [given]);
      expect(status, `${root} as ${caller}`).toBe(ENDED.includes(caller) ? 401 : 200);
      rowOf(label)[caller] = outcomes[0]!;
      if (outcomes[0] === "OK" && consumes) await world.home.renew(consumes);
    };
    await note(root, variables(ids, isSession));
    if (ENDED.includes(caller)) continue;
    for (const { path, kind, label, variables: base = () => ({}) } of idCases(root)) {
      const at = (id: string) => put(schema, root, base(ids, isSession), path, id);
      const own = at(ids[kind]);
      if (JSON.stringify(own) !== JSON.stringify(variables(ids, isSession))) await note(`${label}, own`, own);
      const wrong = nothings(kind, root);
      const { outcomes, bare } = await ask(root, caller, wrong.map(at), wrong);
      if (sees(caller, kind)) continue;
      expect(new Set(outcomes), `${label} as ${caller}, with ${wrong.join()}`).toHaveLength(1);
      expect(bare[0], `${label} as ${caller}: another project's id is told from one that nobody has`).toBe(bare[1]);
      rowOf(`${label}, nobody's`)[caller] = outcomes[0]!;
    }
  }
}

describe("who may do what", () => {
  test("every root field and every argument that names something has a case", () => {
    expect(Object.keys(CASES).toSorted()).toEqual(rootFields(schema).toSorted());
    const skipped = ["Mutation.revokeUserSessions input.user.externalId"];
    for (const root of rootFields(schema)) {
      const covered = Object.keys(CASES[root]?.ids ?? {});
      expect(covered.toSorted(), root).toEqual(
        idPaths(schema, root)
          .filter((path) => !skipped.includes(`${root} ${path}`))
          .toSorted(),
      );
    }
  });

  // What mutations make would change what lists count and streams deliver: they come last.
  for (const root of rootFields(schema).filter((name) => name.startsWith("Query."))) {
    test(`${root}, by every kind of caller, with every kind of id`, () => walk(root));
  }

  test("subscriptions deliver to those who may see the object, and to nobody else", async () => {
    await walkSubscriptions();
  });

  for (const root of rootFields(schema).filter((name) => name.startsWith("Mutation."))) {
    test(`${root}, by every kind of caller, with every kind of id`, () => walk(root));
  }

  test("is as the golden matrix says", async () => {
    await expect(goldenText()).toMatchFileSnapshot("./matrix.golden.json");
  });

  test("is as the contract's table says", () => {
    const table = [...contract.matchAll(/^# \| (.+) \| (.+) \| (.+) \|$/gm)].map((match) => match.slice(1)).slice(2);
    expect(table.map(([operations]) => operations)).toEqual(GROUPS.map(({ row }) => row));
    expect(GROUPS.flatMap(({ fields }) => fields).toSorted()).toEqual(rootFields(schema).toSorted());
    for (const [index, { fields, keys, session }] of GROUPS.entries()) {
      expect([keysText(keys), session], GROUPS[index]!.row).toEqual(table[index]!.slice(1));
      for (const field of fields) {
        const refused = (caller: string) => ["FORBIDDEN", "ForbiddenError", undefined].includes(matrix[field]?.[caller]);
        const callers = ["ADMIN", "DEVELOPER", "VIEWER", "DEVELOPER with CREDENTIAL_REVEAL", "ADMIN of the operator"];
        expect(
          callers.filter((caller) => !refused(caller)),
          field,
        ).toEqual(callers.filter((caller) => keys.includes(caller)));
        expect(refused("own session"), `${field} as own session`).toBe(session !== "own");
      }
    }
  });
});

function goldenText(): string {
  const rows = Object.entries(matrix).map(([label, row]) => {
    const byOutcome = Object.groupBy(Object.keys(row), (caller) => row[caller]!);
    return `  ${JSON.stringify(label)}: ${JSON.stringify(byOutcome).replaceAll('","', '", "').replaceAll('],"', '], "')}`;
  });
  return `{\n${rows.join(",\n")}\n}\n`;
}

interface Watching {
  label: string;
  caller: string;
  outcome: string;
}

/** All streams of all callers are opened, then something happens in both projects. */
async function walkSubscriptions(): Promise<void> {
  const roots = rootFields(schema).filter((name) => name.startsWith("Subscription"));
  const opened: Watching[] = [];
  const clients: ReturnType<typeof createClient>[] = [];
  for (const [caller, token] of Object.entries(world.callers)) {
    if (ENDED.includes(caller)) {
      for (const root of roots) await walkEnded(root, caller);
      continue;
    }
    const connectionParams = { authorization: `Bearer ${token}` };
    const client = createClient({ url: `${world.app.url.replace("http", "ws")}/graphql`, connectionParams, lazy: false });
    clients.push(client);
    for (const root of roots) opened.push(...watchAll(client, root, caller));
  }
  await stirUntilQuiet(opened);
  for (const client of clients) client.dispose();
  for (const { label, caller, outcome } of opened) {
    const row = rowOf(label);
    expect(row[caller] ?? outcome, `${label} as ${caller}: every id that is nobody's has the same outcome`).toBe(outcome);
    row[caller] = outcome;
  }
}

/** Until two rounds in a row reach nobody new: a stream that is slow to begin is not taken for a silent one. */
async function stirUntilQuiet(opened: Watching[]): Promise<void> {
  for (let quiet = 0, reached = 0; quiet < 2; ) {
    await stir();
    const now = opened.filter(({ outcome }) => outcome !== "silent").length;
    quiet = now > 0 && now === reached ? quiet + 1 : 0;
    reached = now;
  }
}

async function walkEnded(root: string, caller: string): Promise<void> {
  const given = CASES[root]!.variables?.(world.home.ids, false) ?? {};
  rowOf(root)[caller] = (await ask(root, caller, [given])).outcomes[0]!;
}

function watchAll(client: ReturnType<typeof createClient>, root: string, caller: string): Watching[] {
  const isSession = caller.includes("session");
  const base = CASES[root]!.variables?.(world.home.ids, isSession) ?? {};
  const streams = idCases(root).flatMap(({ path, kind, label }) => {
    const own = put(schema, root, base, path, world.home.ids[kind]);
    const isBase = JSON.stringify(own) === JSON.stringify(base);
    const others = sees(caller, kind) ? [] : nothings(kind, root);
    return [
      ...(isBase ? [] : [{ label: `${label}, own`, given: own }]),
      ...others.map((id) => ({ label: `${label}, nobody's`, given: put(schema, root, base, path, id) })),
    ];
  });
  return [{ label: root, given: base }, ...streams].map(({ label, given }) => watch(client, root, caller, label, given));
}

function watch(client: ReturnType<typeof createClient>, root: string, caller: string, label: string, given: Variables): Watching {
  const watching = { label, caller, outcome: "silent" };
  const { query, variables } = operation(schema, root, [given]);
  const note = (errors: readonly { extensions?: object }[] | undefined) => {
    const code = (errors?.[0]?.extensions as { code?: string } | undefined)?.code;
    watching.outcome = errors ? (code ?? "?") : "delivered";
  };
  client.subscribe(
    { query, variables },
    { next: ({ errors }) => note(errors), error: (error) => note(error as never), complete: () => {} },
  );
  return watching;
}

/** Each project's credential changes, and a request about it comes and goes. */
async function stir(): Promise<void> {
  for (const { key, ids } of [world.other, world.home]) {
    const relabel = "mutation ($input: UpdateCredentialInput!) { updateCredential(input: $input) { __typename } }";
    await run(world.app, key, relabel, { input: { id: ids.Credential, label: `Stirred ${Math.random()}` } });
    const again = "mutation ($input: ReauthorizeCredentialInput!) { reauthorizeCredential(input: $input) { __typename } }";
    await run(world.app, key, again, { input: { id: ids.Credential } });
  }
  await new Promise((resolve) => setTimeout(resolve, 200));
}
