import fc from "fast-check";
import {
  type GraphQLInputObjectType,
  type GraphQLInputType,
  type GraphQLNamedInputType,
  isEnumType,
  isInputObjectType,
  isListType,
  isNonNullType,
} from "graphql";
import type { NodeType } from "../../src/lib/ids.ts";
import { idRef, NODE_TYPES } from "./properties-refs.ts";
import { json, NAMED, PLAUSIBLE, WILD, wildId, wrongType } from "./properties-values.ts";

/**
 * Values for any input type of the schema, made from the type itself, so that what is added to the schema is tried too. Most leaves are
 * plausible, or nothing would get past the first check; the others are what attackers, broken clients and other time zones send.
 */

export interface Wildness {
  /** In a thousand leaves so many are wild. */
  wild: number;
  /** In a thousand optional fields so many are given. */
  given: number;
}

/** Where an id stands: which kind it names, by its path from the arguments (`input.users[].id`). */
export type KindAt = (path: string) => NodeType | null;

export const ABSENT = undefined;

/** A value for an input type, null now and then included; references stand for what is known later. */
export function inputOf(type: GraphQLInputType, path: string, kindAt: KindAt, mood: Wildness): fc.Arbitrary<unknown> {
  if (isNonNullType(type)) return inputOf(type.ofType as GraphQLInputType, path, kindAt, mood);
  if (isListType(type)) {
    const item = inputOf(type.ofType as GraphQLInputType, `${path}[]`, kindAt, mood);
    return sometimes(
      mood.wild,
      fc.oneof(wrongType, fc.array(item, { minLength: 101, maxLength: 260 })),
      fc.array(item, { maxLength: 4 }),
    );
  }
  const named = type as GraphQLNamedInputType;
  if (isInputObjectType(named)) {
    const object = named.isOneOf ? oneOf(named, path, kindAt, mood) : fieldsOf(named, path, kindAt, mood);
    return sometimes(mood.wild / 2, wrongType, object);
  }
  if (isEnumType(named)) {
    const names = named.getValues().map(({ name }) => name);
    return sometimes(
      mood.wild,
      fc.oneof(wrongType, fc.constantFrom("NOT_A_MEMBER", names[0]!.toLowerCase())),
      fc.constantFrom(...names),
    );
  }
  const wild = fc.oneof({ weight: 5, arbitrary: WILD[named.name] ?? json }, { weight: 1, arbitrary: wrongType });
  return sometimes(mood.wild, wild, plausible(named.name, path, kindAt));
}

/** An object with its required fields, some of the others, and now and then one that the type does not have. */
export function fieldsOf(
  type: GraphQLInputObjectType,
  path: string,
  kindAt: KindAt,
  mood: Wildness,
  near = false,
): fc.Arbitrary<object> {
  const members = Object.values(type.getFields()).map((field) => {
    const value = inputOf(field.type, `${path}.${field.name}`, kindAt, mood);
    const isRequired = isNonNullType(field.type) && !near;
    const arbitrary = isRequired
      ? sometimes(mood.wild / 4, fc.constant(ABSENT), value)
      : sometimes(mood.given, value, fc.constant(ABSENT));
    return [field.name, arbitrary] as const;
  });
  const surplus = sometimes(mood.wild / 4, fc.constant("surplus"), fc.constant(ABSENT));
  return fc.record({ ...Object.fromEntries(members), notInTheSchema: surplus });
}

/** One member, as it should be; now and then none, several or a null one. */
function oneOf(type: GraphQLInputObjectType, path: string, kindAt: KindAt, mood: Wildness): fc.Arbitrary<unknown> {
  const members = Object.values(type.getFields());
  const single = fc.oneof(
    ...members.map((field) =>
      inputOf(field.type, `${path}.${field.name}`, kindAt, mood).map((value) => ({ [field.name]: value })),
    ),
  );
  const wrong = fc.oneof(
    fc.constant({}),
    fc.constantFrom(...members).map((field) => ({ [field.name]: null })),
    fc.tuple(single, single).map(([a, b]) => ({ ...(a as object), ...(b as object) })),
  );
  return sometimes(mood.wild, wrong, single);
}

function plausible(scalar: string, path: string, kindAt: KindAt): fc.Arbitrary<unknown> {
  const name = path.slice(path.lastIndexOf(".") + 1).replace("[]", "");
  if (scalar === "ID") {
    const kind = kindAt(path);
    if (!kind) return wildId;
    return fc.oneof(
      { weight: 8, arbitrary: fc.nat({ max: 7 }).map((nth) => idRef("own", kind, nth)) },
      { weight: 1, arbitrary: fc.nat({ max: 7 }).map((nth) => idRef("foreign", kind, nth)) },
      { weight: 1, arbitrary: fc.constant(idRef("absent", kind)) },
    );
  }
  return NAMED[name] ?? PLAUSIBLE[scalar] ?? json;
}

/** `rare` so many times in a thousand. Failures shrink towards `usual`. */
export function sometimes(perMille: number, rare: fc.Arbitrary<unknown>, usual: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> {
  const weight = Math.round(Math.min(1_000, perMille));
  if (weight <= 0) return usual;
  if (weight >= 1_000) return rare;
  return fc.oneof({ withCrossShrink: true }, { weight: 1_000 - weight, arbitrary: usual }, { weight, arbitrary: rare });
}

/**
 * From the kinds that the matrix gives for each path (`SpareUser` is a `User`); else by the name: `authConfigId`, `user.id`, and the `id`
 * of `deleteWebhook`.
 */
export function kindsOf(mutation: string, ids: Record<string, unknown>): KindAt {
  return (path) => {
    const named = ids[path];
    const kind = Array.isArray(named) ? named[0] : typeof named === "object" && named ? (named as { kind: string }).kind : named;
    const said = typeof kind === "string" ? kind.replace(/^(Spare|Typed)/, "") : "";
    return NODE_TYPES.find((type) => type === said) ?? kindByName(mutation, path);
  };
}

function kindByName(mutation: string, path: string): NodeType | null {
  const [owner = "", name = ""] = path.replaceAll("[]", "").split(".").slice(-2);
  const stem = name === "id" ? (owner === "input" ? mutation : owner) : name.replace(/Ids?$/, "");
  const ends = (type: string) => stem.toLowerCase().replace(/s$/, "").endsWith(type.toLowerCase());
  return NODE_TYPES.filter(ends).toSorted((a, b) => b.length - a.length)[0] ?? null;
}
