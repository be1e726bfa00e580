import fc from "fast-check";
import type { GraphQLField } from "graphql";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { schema } from "../src/graphql/schema.ts";
import { CASES } from "./support/matrix-cases.ts";
import { faultOf, post, queryOf } from "./support/properties-answers.ts";
import { inputOf, kindsOf, sometimes } from "./support/properties-inputs.ts";
import { idRef, NODE_TYPES } from "./support/properties-refs.ts";
import { changed, DENIALS, stateOf } from "./support/properties-state.ts";
import { CALLERS, type PropertyWorld, startPropertyWorld } from "./support/properties-world.ts";

const RUNS = Number(process.env.MOORLINE_PROPERTY_RUNS ?? 40);
const SEED = Number(process.env.MOORLINE_PROPERTY_SEED ?? 20_261_121);

let world: PropertyWorld;
beforeAll(async () => {
  world = await startPropertyWorld();
});
afterAll(() => world?.app.close());

const fields = Object.values(schema.getQueryType()!.getFields()).filter(({ args }) => args.length > 0);

describe("whatever a query is sent, it answers in the API's own words, and changes nothing", () => {
  for (const field of fields) test(field.name, () => holds(field), 120_000);
});

async function holds(field: GraphQLField<unknown, unknown>): Promise<void> {
  const root = `Query.${field.name}`;
  const document = queryOf(schema, field);
  let answered = 0;
  const property = fc.asyncProperty(fc.constantFrom(...CALLERS), argumentsOf(field), async (caller, given) => {
    const variables = (await world.resolve(root, caller, given)) as object;
    const before = await stateOf(world.app);
    const answer = await post(world.app, world.callers[caller]!, document, variables);
    const told = `${field.name} as ${caller} with ${JSON.stringify(variables).slice(0, 1_500)}: ${answer.text.slice(0, 1_000)}`;
    answered += Number(answer.body?.data?.[field.name] != null);
    const fault = faultOf(answer, field.name, null, variables);
    expect(fault, `${fault}. ${told}`).toBeNull();
    const left = changed(before, await stateOf(world.app)).filter((table) => table !== DENIALS);
    expect(left, told).toEqual([]);
  });
  await fc.assert(property, { numRuns: RUNS, seed: SEED });
  // `projects` is for one of four callers only.
  expect(answered / RUNS, `${field.name} was hardly answered`).toBeGreaterThan(0.05);
}

/** Mostly one argument or two, of which one may be anything. */
function argumentsOf(field: GraphQLField<unknown, unknown>): fc.Arbitrary<Record<string, unknown>> {
  const kindAt = kindsOf(field.name, CASES[`Query.${field.name}`]?.ids ?? {});
  const of = (wild: number) =>
    fc.record(
      Object.fromEntries(
        field.args.map((argument) => {
          const value = pageArgument(argument.name, wild) ?? inputOf(argument.type, argument.name, kindAt, { wild, given: 250 });
          return [argument.name, String(argument.type).endsWith("!") ? value : sometimes(400, value, fc.constant(undefined))];
        }),
      ),
    );
  return fc.oneof(of(20), of(300));
}

/** Cursors of other lists, and sizes around the limits. */
function pageArgument(name: string, wild: number): fc.Arbitrary<unknown> | null {
  const cursors = fc.constantFrom<unknown>(
    "",
    "x",
    "MQ==",
    "eyJhIjoxfQ==",
    btoa('["2026-01-01",1]'),
    btoa("\0"),
    idRef("own", NODE_TYPES[0]!),
    1,
    {},
  );
  if (name === "after" || name === "before") return sometimes(wild, cursors, fc.constant(undefined));
  if (name === "waitSeconds") return fc.constantFrom<unknown>(undefined, 0, -1, 61, "1");
  if (name !== "first" && name !== "last") return null;
  return sometimes(wild, fc.constantFrom<unknown>(-1, 101, 2_147_483_647, 1.5, "3", null), fc.nat({ max: 100 }));
}
