import {
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLSchema,
  getNamedType,
  isInputObjectType,
  isListType,
  isNonNullType,
  isUnionType,
} from "graphql";

type Variables = Record<string, unknown>;

/** Texts that name something, beside the arguments of type ID. */
const NAMING = new Set(["slug", "slugs", "connectorSlug", "connectorSlugs", "externalId"]);
/** Where such a text is what is being made. */
const MAKES = new Set([
  "Mutation.createConnector input.slug",
  "Mutation.validateConnector input.connector.slug",
  "Mutation.upsertUser input.externalId",
]);

/** `Query.viewer`, … of every root type. */
export function rootFields(schema: GraphQLSchema): string[] {
  const roots = [schema.getQueryType()!, schema.getMutationType()!, schema.getSubscriptionType()!];
  return roots.flatMap((root) => Object.keys(root.getFields()).map((name) => `${root.name}.${name}`));
}

export function fieldOf(schema: GraphQLSchema, root: string): GraphQLField<unknown, unknown> {
  const [type, name] = root.split(".") as [string, string];
  return (schema.getType(type) as ReturnType<GraphQLSchema["getQueryType"]>)!.getFields()[name]!;
}

/** Paths of every argument and input field that names something: `input.users[].id`. */
export function idPaths(schema: GraphQLSchema, root: string): string[] {
  const cursors = new Set(["after", "before"]);
  return fieldOf(schema, root)
    .args.filter((argument) => !cursors.has(argument.name))
    .flatMap((argument) => pathsBelow(argument, []))
    .filter((path) => !MAKES.has(`${root} ${path}`));
}

function pathsBelow(member: GraphQLArgument | GraphQLInputField, above: string[]): string[] {
  const path = [...above, `${member.name}${isList(member.type) ? "[]" : ""}`];
  const named = getNamedType(member.type);
  if (isInputObjectType(named)) return Object.values(named.getFields()).flatMap((field) => pathsBelow(field, path));
  return named.name === "ID" || (named.name === "String" && NAMING.has(member.name)) ? [path.join(".")] : [];
}

function isList(type: GraphQLInputType): boolean {
  return isListType(isNonNullType(type) ? type.ofType : type);
}

/** The variables with `value` at a path; of a `@oneOf` input it is the one member then. */
export function put(schema: GraphQLSchema, root: string, variables: Variables, path: string, value: string): Variables {
  const [first, ...rest] = path.split(".");
  const name = first!.replace("[]", "");
  const argument = fieldOf(schema, root).args.find((candidate) => candidate.name === name)!;
  return { ...variables, [name]: putInto(argument.type, variables[name], first!, rest, value) };
}

function putInto(type: GraphQLInputType, current: unknown, segment: string, rest: string[], value: string): unknown {
  const inner = rest.length === 0 ? value : putMember(type, current, rest, value);
  return segment.endsWith("[]") ? [inner] : inner;
}

function putMember(type: GraphQLInputType, current: unknown, [segment, ...rest]: string[], value: string): Variables {
  const named = getNamedType(type);
  if (!isInputObjectType(named)) throw new Error("There is nothing below this.");
  const name = segment!.replace("[]", "");
  const present = (Array.isArray(current) ? current[0] : current) as Variables | undefined;
  const kept = named.isOneOf ? {} : present;
  return { ...kept, [name]: putInto(named.getFields()[name]!.type, present?.[name], segment!, rest, value) };
}

/** One operation that asks for a field once for each set of variables, under the aliases `a0`, `a1`, … */
export function operation(schema: GraphQLSchema, root: string, all: Variables[]) {
  const [type, name] = root.split(".") as [string, string];
  const field = fieldOf(schema, root);
  const variables: Variables = {};
  const declared: string[] = [];
  const fields = all.map((given, index) => {
    const passed = field.args.flatMap((argument) => {
      if (given[argument.name] === undefined) return [];
      variables[`${argument.name}${index}`] = given[argument.name];
      declared.push(`$${argument.name}${index}: ${argument.type}`);
      return [`${argument.name}: $${argument.name}${index}`];
    });
    return `a${index}: ${name}${passed.length > 0 ? `(${passed.join(" ")})` : ""} ${selection(field)}`;
  });
  const head = declared.length > 0 ? `(${declared.join(" ")})` : "";
  return { query: `${type.toLowerCase()} Walk${head} { ${fields.join("\n")} }`, variables };
}

function selection(field: GraphQLField<unknown, unknown>): string {
  const named = getNamedType(field.type);
  if (isUnionType(named))
    return "{ __typename ... on UserError { code message } ... on InvalidInputError { issues { path code message } } }";
  if (named.name.endsWith("Connection")) return "{ totalCount nodes { __typename } }";
  return "{ __typename }";
}

interface Issue {
  path: string[];
  code: string;
}

type Value = null | { __typename?: string; code?: string; issues?: Issue[]; totalCount?: number; nodes?: unknown[] };

export interface WalkError {
  path?: (string | number)[];
  extensions: { code: string };
}

/** In a word: what came of the field under an alias. */
export function outcomeOf(answer: { data?: Record<string, unknown> | null; errors?: WalkError[] }, alias: string): string {
  const error = answer.errors?.find(({ path }) => !path || path[0] === alias);
  if (error) return error.extensions.code;
  const value = answer.data?.[alias];
  return Array.isArray(value) ? value.map((item) => nameOf(item as Value)).join() : nameOf(value as Value);
}

function nameOf(value: Value): string {
  if (value === null) return "null";
  if (value.totalCount !== undefined) return value.totalCount > 9 ? "many" : `${value.totalCount} listed`;
  if (value.issues) return `InvalidInputError ${value.issues.map(({ path, code }) => `${path.join(".")} ${code}`).join()}`;
  if (value.__typename === "ConflictError") return `ConflictError ${value.code}`;
  return value.__typename?.endsWith("Error") ? value.__typename : "OK";
}
