import {
  type GraphQLField,
  type GraphQLOutputType,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isInterfaceType,
  isNonNullType,
  isObjectType,
  isUnionType,
  parse,
  validate,
} from "graphql";
import type { App } from "../../src/app.ts";

/** What is asked of a mutation, all of the schema that a few levels show, and what every answer has to look like. */

export interface Answer {
  status: number;
  type: string | null;
  text: string;
  body: { data?: Record<string, Outcome | null> | null; errors?: TopLevelError[] } | null;
}

export interface Outcome {
  __typename: string;
  message?: string;
  code?: string;
  issues?: { path: string[]; message: string; code: string }[];
}

interface TopLevelError {
  message: string;
  extensions?: { code?: string; errorId?: string };
}

const DEPTH = 4;

/** One mutation with its one input, everything in its answer selected. */
export function documentOf(schema: GraphQLSchema, name: string): string {
  const field = schema.getMutationType()!.getFields()[name]!;
  const members = getNamedType(field.type);
  if (!isUnionType(members)) throw new Error(`${name} does not answer with a union.`);
  const parts = members.getTypes().map((type) => `... on ${type.name} ${selectionOf(schema, type, DEPTH)}`);
  const text = `mutation Property_${name}($input: ${field.args[0]!.type}) { ${name}(input: $input) { __typename ${parts.join(" ")} } }`;
  const faults = validate(schema, parse(text));
  if (faults.length > 0) throw new Error(`${name}: ${faults.join("; ")}`);
  return text;
}

function selectionOf(schema: GraphQLSchema, type: GraphQLOutputType, depth: number): string {
  const named = getNamedType(type);
  if (!isObjectType(named) && !isInterfaceType(named)) return "{ __typename }";
  const fields = Object.values(named.getFields()).flatMap((field) => fieldText(schema, field, depth));
  return `{ ${["__typename", ...fields].join(" ")} }`;
}

function fieldText(schema: GraphQLSchema, field: GraphQLField<unknown, unknown>, depth: number): string[] {
  if (field.args.some((argument) => isNonNullType(argument.type) && argument.defaultValue === undefined)) return [];
  const named = getNamedType(field.type);
  if (!isCompositeType(named)) return [field.name];
  if (depth <= 1) return [];
  if (named.name.endsWith("Connection") && isObjectType(named)) {
    if (depth < DEPTH) return [];
    return [`${field.name}(first: 5) { totalCount nodes ${selectionOf(schema, named.getFields().nodes!.type, 2)} }`];
  }
  return [`${field.name} ${selectionOf(schema, field.type, depth - 1)}`];
}

/** A query with all of its arguments as variables. */
export function queryOf(schema: GraphQLSchema, field: GraphQLField<unknown, unknown>): string {
  const declared = field.args.map((argument) => `$${argument.name}: ${argument.type}`).join(" ");
  const passed = field.args.map(({ name }) => `${name}: $${name}`).join(" ");
  const named = getNamedType(field.type);
  const isList = named.name.endsWith("Connection") && isObjectType(named);
  const selection = isList
    ? `{ totalCount pageInfo { hasNextPage endCursor } nodes ${selectionOf(schema, named.getFields().nodes!.type, 2)} }`
    : selectionOf(schema, field.type, 2);
  return `query Property_${field.name}(${declared}) { ${field.name}(${passed}) ${selection} }`;
}

/** Every query that needs no arguments, with all that a few levels show. */
export function readEverything(schema: GraphQLSchema): string[] {
  return Object.values(schema.getQueryType()!.getFields()).flatMap((field) => {
    const [text] = rootText(schema, field);
    return text ? [`query { ${text} }`] : [];
  });
}

/** A subscription that needs no arguments. */
export function subscriptionOf(schema: GraphQLSchema, name: string): string {
  return `subscription { ${rootText(schema, schema.getSubscriptionType()!.getFields()[name]!)[0]} }`;
}

function rootText(schema: GraphQLSchema, field: GraphQLField<unknown, unknown>): string[] {
  const named = getNamedType(field.type);
  if (!named.name.endsWith("Connection") || !isObjectType(named)) return fieldText(schema, field, DEPTH);
  const node = named.getFields().nodes!;
  return [`${field.name}(first: 10) { nodes ${selectionOf(schema, node.type, DEPTH)} }`];
}

const CODES = [
  "UNAUTHENTICATED",
  "SESSION_EXPIRED",
  "FORBIDDEN",
  "NOT_FOUND",
  "RATE_LIMITED",
  "QUERY_TOO_COMPLEX",
  "BAD_REQUEST",
];

/** What the inside looks like: a stack, a file, a statement, a library's words. */
const INSIDE = [
  /\n\s+at /,
  /\bnode_modules\b|\/src\/|\.ts:\d+|file:\/\//,
  /prisma|pglite|postgres|\bP\d{4}\b|\bsqlstate\b/i,
  /\b(SELECT|INSERT INTO|UPDATE|DELETE FROM)\b.*\b(FROM|VALUES|SET|WHERE)\b/,
  /violates|constraint|relation "|invalid input syntax|unsupported Unicode|invalid byte sequence|unterminated/i,
  /TypeError|RangeError|SyntaxError|ReferenceError|ZodError|Cannot read|is not a function|is not iterable|Unexpected token/,
  /\[object |\bundefined\b|\bNaN\b/,
  /ENETWORKOFF|ECONN|ENOTFOUND|EAI_|getaddrinfo/,
];

/** Why an answer is not one that a client may be given; null: it is. `members` of a mutation's union. `input`: its texts may be quoted. */
export function faultOf(answer: Answer, name: string, members: readonly string[] | null, input: unknown): string | null {
  const { status, type, body } = answer;
  if (![200, 400, 413].includes(status)) return `the status is ${status}`;
  if (!type?.startsWith("application/json")) return `the content type is ${type}`;
  if (!body || (body.data === undefined && !body.errors?.length)) return "it is no GraphQL answer";
  if (body.errors && body.errors.length === 0) return "its list of errors is empty";
  for (const error of body.errors ?? []) {
    const code = error.extensions?.code;
    if (!code || !CODES.includes(code)) return `a top-level error has the code ${code}`;
    if (error.message === "") return "a top-level error has no message";
  }
  return (members && faultOfOutcome(body, name, members)) ?? insideOf(messagesOf(body), input);
}

function faultOfOutcome(body: NonNullable<Answer["body"]>, name: string, members: readonly string[]): string | null {
  const outcome = body.data?.[name];
  if (body.data && !body.errors && !outcome) return "the root is null without an error";
  if (outcome && !members.includes(outcome.__typename)) return `it is a ${outcome.__typename}`;
  if (!outcome?.__typename.endsWith("Error")) return null;
  if (!outcome.message || !outcome.code) return "an error has no message or code";
  const isSilent = outcome.__typename === "InvalidInputError" && !outcome.issues?.length;
  return isSilent ? "nothing is said to be wrong with the input" : null;
}

/** The sentences of an answer, wherever they stand. */
function messagesOf(value: unknown, key = ""): string[] {
  if (typeof value === "string") return /^(message|remedy|statusReason|lastError|providerMessage)$/.test(key) ? [value] : [];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => messagesOf(member, Array.isArray(value) ? key : name));
}

export function insideOf(messages: string[], input: unknown): string | null {
  const quoted = textsOf(input).filter((text) => text.length > 2);
  for (const message of messages) {
    const own = quoted.reduce(
      (left, text) => left.replaceAll(text, "…").replaceAll(JSON.stringify(text).slice(1, -1), "…"),
      message,
    );
    const pattern = INSIDE.find((inside) => inside.test(own));
    if (pattern) return `a message shows the inside (${pattern}): ${message.slice(0, 500)}`;
  }
  return null;
}

function textsOf(value: unknown): string[] {
  const found: string[] = [];
  // A stack of our own: some inputs are deeper than JavaScript's.
  for (const left: unknown[] = [value]; left.length > 0; ) {
    const item = left.pop();
    if (typeof item === "string") found.push(item);
    else if (typeof item === "object" && item !== null) left.push(...Object.keys(item), ...Object.values(item));
  }
  return found.toSorted((a, b) => b.length - a.length);
}

export async function post(app: Pick<App, "url">, token: string, query: string, variables: object): Promise<Answer> {
  const response = await fetch(`${app.url}/graphql`, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", authorization: `Bearer ${token}` },
    body: JSON.stringify({ query, variables }),
  });
  const text = await response.text();
  let body: Answer["body"] = null;
  try {
    body = JSON.parse(text) as Answer["body"];
  } catch {
    // No JSON: `faultOf` says so.
  }
  return { status: response.status, type: response.headers.get("content-type"), text, body };
}
