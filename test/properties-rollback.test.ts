import { type GraphQLInputObjectType, getNamedType } from "graphql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { schema } from "../src/graphql/schema.ts";
import { type Answer, documentOf, post } from "./support/properties-answers.ts";
import { changed, type State, stateOf } from "./support/properties-state.ts";
import { type CallerName, NEEDS_MORE, type PropertyWorld, startPropertyWorld } from "./support/properties-world.ts";

let world: PropertyWorld;
beforeAll(async () => {
  world = await startPropertyWorld();
  await plantFailures();
});
afterAll(() => world?.app.close());

/** A refresh has a table of its own, of what is left where: whoever comes after waits for its lease to end. */
const mutations = Object.keys(schema.getMutationType()!.getFields()).filter(
  (name) => ![...NEEDS_MORE, "refreshCredential"].includes(name),
);
const OPERATORS = ["createProject", "deleteProject"];

/** What a mutation leaves that has been to a third party by then: the attempt, what the provider answered, and that a form was begun. */
const LEARNED = [
  "AuditEvent",
  "ConnectionEvent",
  "ConnectionRequest",
  "CredentialEvent",
  "Grant",
  "Opening",
  "ProviderBreaker",
  "RefreshAttempt",
  "SealedSecret",
  "WebhookDelivery",
];
const REACHES_OUT = ["callApi", "revealCredential", "revokeCredential", "submitConnectionForm", "testCredential"];

/** Every table can be told to fail: at the statement itself, or when the transaction commits. */
async function plantFailures(): Promise<void> {
  const { database } = world.app.services;
  const tables = await database.query<{ name: string }>(
    "test_tables",
    "SELECT tablename AS name FROM pg_tables WHERE schemaname = 'public' AND tablename NOT LIKE '\\_%'",
    [],
  );
  const triggers = tables.map(
    ({ name }) => `
      CREATE TRIGGER test_fail_now BEFORE INSERT OR UPDATE OR DELETE ON "${name}" FOR EACH ROW EXECUTE FUNCTION test_fail('now');
      CREATE CONSTRAINT TRIGGER test_fail_late AFTER INSERT OR UPDATE OR DELETE ON "${name}"
        DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION test_fail('late');`,
  );
  await database.script(`
    CREATE FUNCTION test_fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
      IF current_setting('test.fail', true) = TG_TABLE_NAME || ' ' || TG_ARGV[0] THEN RAISE EXCEPTION 'a planted failure'; END IF;
      IF TG_OP = 'DELETE' THEN RETURN OLD; END IF;
      RETURN NEW;
    END $$; ${triggers.join("")}`);
}

/** PGlite has one session, which this setting belongs to. */
async function fail(what: string): Promise<void> {
  await world.app.services.database.query("test_fail", "SELECT set_config('test.fail', $1, false)", [what]);
}

async function run(name: string): Promise<{ answer: Answer; succeeded: boolean; before: State; after: State }> {
  const root = `Mutation.${name}`;
  const caller: CallerName = OPERATORS.includes(name) ? "ADMIN of the operator" : "ADMIN";
  const input = await world.resolve(root, caller, anew(name, world.goodInput(root, caller) ?? {}));
  const before = await stateOf(world.app);
  const answer = await post(world.app, world.callers[caller]!, documentOf(schema, name), { input });
  const after = await stateOf(world.app);
  const succeeded = answer.body?.data?.[name]?.__typename.endsWith("Payload") ?? false;
  return { answer, succeeded, before, after };
}

const counts = new Map<string, number>();

/** Says something else each time, so that there is something to change: what is enabled is first switched off. */
function anew(name: string, input: object): object {
  const count = (counts.get(name) ?? 0) + 1;
  counts.set(name, count);
  const type = getNamedType(schema.getMutationType()!.getFields()[name]!.args[0]!.type) as GraphQLInputObjectType;
  const words = ["name", "description", "label", "displayName"].filter((field) => field in type.getFields());
  const fresh = Object.fromEntries(words.map((field) => [field, "@{word fresh 0}"]));
  return { ...input, ...fresh, ...("enabled" in input && { enabled: count % 2 === 0 }) };
}

describe("where the database fails in the midst of a mutation, nothing of the mutation stays, and nothing of the failure shows", () => {
  for (const name of mutations) test(name, () => failsWhole(name), 60_000);
});

async function failsWhole(name: string): Promise<void> {
  const root = `Mutation.${name}`;
  const whole = await run(name);
  expect(whole.succeeded, whole.answer.text).toBe(true);
  await world.mend(root);
  const written = changed(whole.before, whole.after).filter((table) => !table.includes("("));
  expect(written, "it writes an audit event").toContain("AuditEvent");
  let failures = 0;
  for (const table of written) {
    for (const when of ["now", "late"]) {
      await fail(`${table} ${when}`);
      const { answer, succeeded, before, after } = await run(name).finally(() => fail(""));
      const told = `${name}, where ${table} fails ${when}: ${answer.text.slice(0, 500)}`;
      if (succeeded) {
        // What it did not write this time could not fail.
        expect(changed(before, after), told).not.toContain(table);
        await world.mend(root);
        continue;
      }
      failures += 1;
      const allowed = REACHES_OUT.includes(name) ? LEARNED : [];
      expect(
        changed(before, after).filter((left) => !allowed.includes(left)),
        told,
      ).toEqual([]);
      expect(answer.text, told).not.toMatch(/planted|trigger|plpgsql|prisma|relation|SELECT|INSERT/i);
    }
  }
  expect(failures, "no failure was met").toBeGreaterThan(0);
  // And all is well again.
  const { succeeded, answer } = await run(name);
  expect(succeeded, answer.text).toBe(true);
  await world.mend(root);
}
