import { readFileSync } from "node:fs";
import { join } from "node:path";
import {
  buildSchema,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLNamedType,
  type GraphQLObjectType,
  type GraphQLSchema,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isScalarType,
  isSpecifiedScalarType,
  isUnionType,
  lexicographicSortSchema,
  parse,
  printSchema,
} from "graphql";
import { describe, expect, it } from "vitest";
import { schema } from "../src/graphql/schema.ts";

/** What the contract has and the schema has not yet, as `Type` or `Type.field`. Whoever builds it takes it off this list. */
const LATER: string[] = [];

const printed = () => `${printSchema(lexicographicSortSchema(schema))}\n`;
const contract = readContract();

describe("the public schema", () => {
  it("is what schema.graphql says", () => {
    expect(readFileSync(join(import.meta.dirname, "../schema.graphql"), "utf8")).toBe(printed());
  });

  it("contains the whole contract: names, arguments, nullability, enum values, interfaces", () => {
    expect(differences(contract, schema)).toEqual([]);
  });

  it("has nothing yet of what the list above says is still to come", () => {
    const present = LATER.filter((name) => {
      const [type = "", field] = name.split(".");
      const found = schema.getType(type);
      return field ? (isObjectType(found) || isInterfaceType(found)) && field in found.getFields() : found;
    });
    expect(present).toEqual([]);
  });

  it("gives every connection the same form", () => {
    const wrong = types(schema)
      .filter((type) => type.name.endsWith("Connection"))
      .flatMap((type) => {
        const name = type.name.replace(/Connection$/, "");
        const fields = isObjectType(type) ? Object.values(type.getFields()).map((field) => `${field.name}: ${field.type}`) : [];
        const wanted = [`edges: [${name}Edge!]!`, `nodes: [${name}!]!`, "pageInfo: PageInfo!", "totalCount: Int!"];
        return wanted.filter((field) => !fields.includes(field)).map((field) => `${type.name}.${field}`);
      });
    expect(wrong).toEqual([]);
  });

  it("returns from every mutation a nullable union of its payload and errors that all implement UserError", () => {
    const userError = schema.getType("UserError");
    const wrong = Object.values(schema.getMutationType()?.getFields() ?? {}).filter((field) => {
      const typeName = field.name.charAt(0).toUpperCase() + field.name.slice(1);
      if (!isUnionType(field.type) || field.type.name !== `${typeName}Result`) return true;
      const isUserError = (type: GraphQLObjectType) => isInterfaceType(userError) && schema.isSubType(userError, type);
      const errors = field.type.getTypes().filter(isUserError);
      const others = field.type.getTypes().filter((type) => !isUserError(type));
      const args = field.args.map((argument) => argument.name);
      return errors.length === 0 || others.map((type) => type.name).join() !== `${typeName}Payload` || args.join() !== "input";
    });
    expect(wrong.map((field) => field.name)).toEqual([]);
  });

  it("describes every type, field, argument, enum value and input field", () => {
    expect(undescribed(schema)).toEqual([]);
  });

  it("would notice a blank description", () => {
    const blank = buildSchema(
      '"All." type Query { "Some." a("  " b: Int, "Given." c: Int): Int "" d: E } "E." enum E { "One." F G } "I." input I { h: Int }',
    );
    expect(undescribed(blank)).toEqual(["Query.a(b)", "Query.d", "E.G", "I.h"]);
  });
});

/** The contract leaves out what its conventions describe: connections, edges, result unions, simple payloads. */
function readContract(): GraphQLSchema {
  const source = readFileSync(join(import.meta.dirname, "contract.graphql"), "utf8");
  const defined = new Set(parse(source).definitions.flatMap((node) => ("name" in node && node.name ? [node.name.value] : [])));
  const added: string[] = [
    "type PageInfo { hasNextPage: Boolean! hasPreviousPage: Boolean! startCursor: String endCursor: String }",
  ];
  for (const name of new Set(source.match(/\b\w+Connection\b/g))) {
    const node = name.replace(/Connection$/, "");
    if (!defined.has(name) && defined.has(node)) {
      added.push(
        `type ${name} { edges: [${node}Edge!]! nodes: [${node}!]! pageInfo: PageInfo! totalCount: Int! } type ${node}Edge { node: ${node}! cursor: String! }`,
      );
    }
  }
  for (const name of new Set(source.match(/\b\w+Result\b/g))) {
    const payload = name.replace(/Result$/, "Payload");
    if (defined.has(name)) continue;
    if (!defined.has(payload)) added.push(`type ${payload} { ${payloadField(name.replace(/Result$/, ""))} }`);
    // Its error types are not fixed, so that one stands for all.
    added.push(`union ${name} = ${payload} | NotFoundError`);
  }
  return buildSchema(`${source}\n${added.join("\n")}`);
}

/** "A payload holds the object under its own name, deleted ones as deletedId." */
function payloadField(mutation: string): string {
  if (mutation.startsWith("Delete")) return "deletedId: ID!";
  if (/^(Initiate|Cancel|Confirm|Reauthorize)/.test(mutation)) return "connectionRequest: ConnectionRequest!";
  const type =
    ["AuthConfig", "Connector", "Credential", "ApiKey", "Project", "User", "WebhookDelivery", "Webhook"].find((name) =>
      mutation.includes(name),
    ) ?? "";
  return `${type.charAt(0).toLowerCase()}${type.slice(1)}: ${type}!`;
}

function types(of: GraphQLSchema): GraphQLNamedType[] {
  return Object.values(of.getTypeMap()).filter((type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type));
}

function differences(wanted: GraphQLSchema, actual: GraphQLSchema): string[] {
  return types(wanted).flatMap((type) => {
    if (LATER.includes(type.name) || LATER.includes(mutationOf(type.name))) return [];
    const present = actual.getType(type.name);
    return present ? typeDifferences(type, present) : [`${type.name} is missing`];
  });
}

/** `Mutation.x` for `XResult` and `XPayload`. */
function mutationOf(typeName: string): string {
  const name = typeName.replace(/(Result|Payload)$/, "");
  return `Mutation.${name.charAt(0).toLowerCase()}${name.slice(1)}`;
}

function typeDifferences(wanted: GraphQLNamedType, actual: GraphQLNamedType): string[] {
  const { name } = wanted;
  if (wanted.constructor.name !== actual.constructor.name) return [`${name} is another kind of type`];
  if (isScalarType(wanted)) return [];
  if (isEnumType(wanted) && isEnumType(actual)) {
    return wanted.getValues().flatMap((value) => (actual.getValue(value.name) ? [] : [`${name}.${value.name} is missing`]));
  }
  if (isUnionType(wanted) && isUnionType(actual)) {
    const payload = wanted.getTypes()[0]?.name;
    return actual.getTypes().some((type) => type.name === payload) ? [] : [`${name} lacks ${payload}`];
  }
  if (isInputObjectType(wanted) && isInputObjectType(actual)) {
    const oneOf = wanted.isOneOf === actual.isOneOf ? [] : [`${name} differs in @oneOf`];
    return [...oneOf, ...inputDifferences(name, Object.values(wanted.getFields()), Object.values(actual.getFields()))];
  }
  if ((isObjectType(wanted) || isInterfaceType(wanted)) && (isObjectType(actual) || isInterfaceType(actual))) {
    const implemented = actual.getInterfaces().map((type) => type.name);
    const missing = wanted
      .getInterfaces()
      .filter((type) => !implemented.includes(type.name))
      .map((type) => `${name} does not implement ${type.name}`);
    return [
      ...missing,
      ...Object.values(wanted.getFields()).flatMap((field) => fieldDifferences(name, field, actual.getFields()[field.name])),
    ];
  }
  return [`${name} cannot be compared`];
}

function fieldDifferences(
  type: string,
  wanted: GraphQLField<unknown, unknown>,
  actual: GraphQLField<unknown, unknown> | undefined,
): string[] {
  const name = `${type}.${wanted.name}`;
  if (LATER.includes(name)) return [];
  if (!actual) return [`${name} is missing`];
  const other = `${wanted.type}` === `${actual.type}` ? [] : [`${name} is ${actual.type}, not ${wanted.type}`];
  return [...other, ...inputDifferences(name, wanted.args, actual.args)];
}

type Input = GraphQLArgument | GraphQLInputField;

/** More may be there, but nothing that clients of the contract would have to give. */
function inputDifferences(owner: string, wanted: readonly Input[], actual: readonly Input[]): string[] {
  const added = actual.filter(
    (input) =>
      `${input.type}`.endsWith("!") && input.defaultValue === undefined && !wanted.some(({ name }) => name === input.name),
  );
  return [
    ...added.map((input) => `${owner}.${input.name} is required and not in the contract`),
    ...wanted.flatMap((input) => {
      const found = actual.find(({ name }) => name === input.name);
      if (!found) return [`${owner}.${input.name} is missing`];
      return `${found.type}` === `${input.type}` ? [] : [`${owner}.${input.name} is ${found.type}, not ${input.type}`];
    }),
  ];
}

function undescribed(of: GraphQLSchema): string[] {
  return types(of).flatMap((type) => [
    ...blank(type.name, type),
    ...(isObjectType(type) || isInterfaceType(type)
      ? Object.values(type.getFields()).flatMap((field) => [
          ...blank(`${type.name}.${field.name}`, field),
          ...field.args.flatMap((argument) => blank(`${type.name}.${field.name}(${argument.name})`, argument)),
        ])
      : []),
    ...(isInputObjectType(type)
      ? Object.values(type.getFields()).flatMap((field) => blank(`${type.name}.${field.name}`, field))
      : []),
    ...(isEnumType(type) ? type.getValues().flatMap((value) => blank(`${type.name}.${value.name}`, value)) : []),
  ]);
}

function blank(name: string, element: { description?: string | null }): string[] {
  return element.description?.trim() ? [] : [name];
}
