import fc from "fast-check";
import { type GraphQLInputObjectType, getNamedType, isUnionType } from "graphql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { schema } from "../src/graphql/schema.ts";
import { CASES } from "./support/matrix-cases.ts";
import { type Answer, documentOf, faultOf, type Outcome, post } from "./support/properties-answers.ts";
import { fieldsOf, kindsOf, type Wildness } from "./support/properties-inputs.ts";
import { changed, DENIALS, type State, stateOf } from "./support/properties-state.ts";
import { CALLERS, type CallerName, NEEDS_MORE, type PropertyWorld, startPropertyWorld } from "./support/properties-world.ts";

/** More runs, and another seed, find more: `MOORLINE_PROPERTY_RUNS=2000 MOORLINE_PROPERTY_SEED=7`. */
const RUNS = Number(process.env.MOORLINE_PROPERTY_RUNS ?? 14);
const SEED = Number(process.env.MOORLINE_PROPERTY_SEED ?? 20_261_121);

interface Sent {
  caller: CallerName;
  /** True: good arguments, of which a few are replaced. False: everything is made up. */
  near: boolean;
  input: object;
}

let world: PropertyWorld;
/** What stood in the tables after the last request, so that each is read once. */
let present: State | null = null;

beforeAll(async () => {
  world = await startPropertyWorld();
});
afterAll(() => world?.app.close());

const mutations = Object.keys(schema.getMutationType()!.getFields());

/** Mutations that call a third party between two transactions: what they learned there stays, whatever came of the rest. */
const LEARNED: Record<string, string[]> = {
  ProviderError: ["AuditEvent", "AuthConfig", "Credential", "CredentialChange", "CredentialEvent", "Grant", "ProviderBreaker"],
  CredentialNotUsableError: ["AuditEvent", "Credential", "CredentialChange", "CredentialEvent", "Grant", "ProviderBreaker"],
};
const REFRESH = ["RefreshAttempt", "SealedSecret", "WebhookDelivery"];

describe("whatever a mutation is sent, it answers in the API's own words, and changes all or nothing", () => {
  for (const name of mutations) test(name, () => holds(name), 120_000);
});

async function holds(name: string): Promise<void> {
  const root = `Mutation.${name}`;
  const tally = { reached: 0, succeeded: 0, runs: 0 };
  const document = documentOf(schema, name);
  const union = getNamedType(schema.getMutationType()!.getFields()[name]!.type);
  const members = isUnionType(union) ? union.getTypes().map((type) => type.name) : [];

  const property = fc.asyncProperty(sentTo(name), async (sent) => {
    const input = await inputOf(root, sent);
    const before = present ?? (await stateOf(world.app));
    const answer = await post(world.app, world.callers[sent.caller]!, document, { input });
    const after = await stateOf(world.app);
    present = after;
    const outcome = answer.body?.data?.[name] ?? null;
    const succeeded = outcome?.__typename.endsWith("Payload") ?? false;
    tally.runs += 1;
    tally.succeeded += Number(succeeded);
    tally.reached += Number(isReached(outcome));
    const told = () => `${name} as ${sent.caller} with ${brief(input)}: ${answer.text.slice(0, 1_500)}`;
    const fault = faultOf(answer, name, members, input);
    expect(fault, `${fault}. ${told()}`).toBeNull();
    const differences = changed(before, after);
    if (succeeded) {
      if (differences.length > 0) expect(differences, `no audit event. ${told()}`).toContain("AuditEvent");
      await world.mend(root);
      present = name === "callApi" ? await quietState() : null;
    } else {
      const allowed = allowedAfter(answer, outcome);
      const half = differences.filter((table) => !allowed.includes(table));
      expect(half, `refused, and yet changed. ${told()}`).toEqual([]);
    }
  });

  await fc.assert(property, { numRuns: RUNS, seed: SEED, examples: examplesOf(), endOnFailure: false });
  if (process.env.MOORLINE_PROPERTY_TALLY) process.stdout.write(`${name} ${JSON.stringify(tally)}\n`);
  expect(tally.reached / tally.runs, `${name} was hardly reached: ${JSON.stringify(tally)}`).toBeGreaterThan(0.1);
  if (!NEEDS_MORE.includes(name)) expect(tally.succeeded, `${name} never succeeded`).toBeGreaterThan(0);
}

/** Once nothing changes any more: after a 401 in use the credential is asked about behind the answer's back. */
async function quietState(): Promise<State> {
  for (let before = await stateOf(world.app); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    const after = await stateOf(world.app);
    if (changed(before, after).length === 0) return after;
    before = after;
  }
}

/** As each caller once, with arguments that are good. */
function examplesOf(): [Sent][] {
  return CALLERS.map((caller) => [{ caller, near: true, input: {} }]);
}

function sentTo(name: string): fc.Arbitrary<Sent> {
  const type = getNamedType(schema.getMutationType()!.getFields()[name]!.args[0]!.type) as GraphQLInputObjectType;
  const kindAt = kindsOf(name, CASES[`Mutation.${name}`]?.ids ?? {});
  const caller = fc.oneof(
    { weight: 5, arbitrary: fc.constant<CallerName>("ADMIN") },
    { weight: 2, arbitrary: fc.constant<CallerName>("DEVELOPER") },
    { weight: 2, arbitrary: fc.constant<CallerName>("own session") },
    { weight: 2, arbitrary: fc.constant<CallerName>("ADMIN of the operator") },
  );
  const member = (weight: number, near: boolean, mood: Wildness) => ({
    weight,
    arbitrary: fc.record({ caller, near: fc.constant(near), input: fieldsOf(type, "input", kindAt, mood, near) }),
  });
  return fc.oneof(
    member(3, true, { wild: 50, given: 150 }),
    member(4, true, { wild: 500, given: 250 }),
    member(3, false, { wild: 15, given: 300 }),
    member(2, false, { wild: 250, given: 500 }),
  );
}

async function inputOf(root: string, { caller, near, input }: Sent): Promise<unknown> {
  const good = near ? world.goodInput(root, caller) : null;
  const given = Object.fromEntries(Object.entries(input).filter(([, value]) => value !== undefined));
  return world.resolve(root, caller, { ...good, ...given });
}

/** The input was understood and judged by the rules of what it is about, and not only by its form. */
function isReached(outcome: Outcome | null): boolean {
  return outcome !== null && !["InvalidInputError", "ForbiddenError"].includes(outcome.__typename);
}

function allowedAfter({ body }: Answer, outcome: Outcome | null): string[] {
  if (body?.errors && !outcome) return [DENIALS];
  const { __typename: type = "" } = outcome ?? {};
  return [DENIALS, ...(LEARNED[type] ? [...LEARNED[type], ...REFRESH] : [])];
}

function brief(input: unknown): string {
  const text = JSON.stringify(input) ?? "nothing";
  return text.length > 1_500 ? `${text.slice(0, 1_500)}… (${text.length} characters)` : text;
}
