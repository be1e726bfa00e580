/** From the text of a request to a document that may be executed. Whatever is sent often is parsed and validated once. */
import {
  type DocumentNode,
  GraphQLError,
  type GraphQLSchema,
  getOperationAST,
  NoSchemaIntrospectionCustomRule,
  type OperationDefinitionNode,
  parse,
  specifiedRules,
  validate,
} from "graphql";
import { badRequest, withoutValue } from "./errors.ts";
import { type CostCheck, checkShape, costCheck, LIMITS, tooComplex } from "./limits.ts";

export interface PreparedDocument {
  readonly document: DocumentNode;
  /** The one operation that the request names. The same text gives the same objects, so that they can key further caches. */
  readonly operation: OperationDefinitionNode;
}

export interface OperationRequest {
  query: string;
  operationName?: string | null;
  variables?: Record<string, unknown> | null;
}

interface Entry {
  source: string;
  document: DocumentNode;
  operations: Map<string | null, { prepared: PreparedDocument; cost: CostCheck }>;
}

/** Bounds of each cache, by number and by the length of the texts together. */
const MAX_ENTRIES = 1_000;
const MAX_CHARACTERS = 4_000_000;
const MAX_ERRORS = 10;

/** Least recently used first: a Map keeps the order in which keys were set. */
interface Cache {
  entries: Map<string, Entry>;
  characters: number;
}

const caches = new WeakMap<GraphQLSchema, { open: Cache; closed: Cache }>();

/** Parsed, valid and affordable, or why not: BAD_REQUEST or QUERY_TOO_COMPLEX. Nothing is executed. */
export function parseAndValidate(
  schema: GraphQLSchema,
  request: OperationRequest,
  options: { introspection: boolean },
): { prepared: PreparedDocument } | { errors: readonly GraphQLError[] } {
  const cache = cacheOf(schema, options.introspection);
  let entry = cache.entries.get(request.query);
  if (entry) {
    cache.entries.delete(entry.source);
    cache.entries.set(entry.source, entry);
  } else {
    const result = read(schema, request.query, options.introspection);
    if ("errors" in result) return result;
    entry = result;
    remember(cache, entry);
  }
  return choose(schema, entry, request);
}

function read(schema: GraphQLSchema, source: string, introspection: boolean): Entry | { errors: readonly GraphQLError[] } {
  try {
    return readText(schema, source, introspection);
  } catch (error) {
    // Each level takes stack of the parser's, and of whoever walks what it made.
    if (!(error instanceof RangeError)) throw error;
    return { errors: [tooComplex("The document is nested too deeply to be read. Put lists and objects into variables.")] };
  }
}

function readText(schema: GraphQLSchema, source: string, introspection: boolean): Entry | { errors: readonly GraphQLError[] } {
  let document: DocumentNode;
  try {
    document = parse(source, { maxTokens: LIMITS.tokens });
  } catch (error) {
    if (!(error instanceof GraphQLError)) throw error;
    const tooLong = error.message.includes("tokens. Parsing aborted.");
    return {
      errors: [
        tooLong
          ? tooComplex(`The document has more than ${LIMITS.tokens} tokens. Split it into several requests.`)
          : withCode(error),
      ],
    };
  }
  const shape = checkShape(document);
  if (shape) return { errors: [shape] };
  const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule];
  const errors = validate(schema, document, rules, { maxErrors: MAX_ERRORS, hideSuggestions: !introspection });
  if (errors.length > 0) return { errors: errors.map((error) => beyondLibrary(error) ?? withCode(error)) };
  return { source, document, operations: new Map() };
}

/** The limits of the library's own rules: they say of a document that it is too much, whatever it says. */
function beyondLibrary({ message }: GraphQLError): GraphQLError | null {
  if (message === "Maximum introspection depth exceeded")
    return tooComplex("The introspection is too deep. Ask for less of each type at once.");
  if (message === "Validation aborted.")
    return tooComplex("The query repeats the same fields too often to be compared. Name each field once.");
  return null;
}

/** Syntax and validation errors are the library's: this gives them our code. */
function withCode(error: GraphQLError): GraphQLError {
  const { message, nodes, source, positions } = error;
  return new GraphQLError(withoutValue(message), { nodes, source, positions, extensions: { code: "BAD_REQUEST" } });
}

function choose(
  schema: GraphQLSchema,
  { document, operations }: Entry,
  { operationName, variables }: OperationRequest,
): { prepared: PreparedDocument } | { errors: readonly GraphQLError[] } {
  const name = operationName || null;
  let chosen = operations.get(name);
  if (!chosen) {
    const operation = getOperationAST(document, name);
    if (!operation)
      return {
        errors: [
          badRequest(
            name ? `The document has no operation “${name}”.` : "Name one of the document's operations in `operationName`.",
          ),
        ],
      };
    chosen = { prepared: { document, operation }, cost: costCheck(schema, document, operation) };
    operations.set(name, chosen);
  }
  const error = chosen.cost(variables ?? null);
  return error ? { errors: [error] } : { prepared: chosen.prepared };
}

function cacheOf(schema: GraphQLSchema, introspection: boolean): Cache {
  let both = caches.get(schema);
  if (!both) {
    both = { open: { entries: new Map(), characters: 0 }, closed: { entries: new Map(), characters: 0 } };
    caches.set(schema, both);
  }
  return introspection ? both.open : both.closed;
}

function remember(cache: Cache, entry: Entry): void {
  cache.entries.set(entry.source, entry);
  cache.characters += entry.source.length;
  for (const oldest of cache.entries.values()) {
    if (cache.entries.size <= MAX_ENTRIES && cache.characters <= MAX_CHARACTERS) break;
    cache.entries.delete(oldest.source);
    cache.characters -= oldest.source.length;
  }
}
