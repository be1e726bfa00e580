import { type ExecutionResult, GraphQLError, type GraphQLSchema, getVariableValues, type Source } from "graphql";
import { type CompiledQuery, compileQuery, isCompiledQuery } from "graphql-jit";
import type { PreparedDocument } from "../graphql/document.ts";

/** Runs an operation as `execute` of graphql does, several times faster. Null: the variables don't fit. */
export type Run = (context: unknown, variables: Record<string, unknown>) => ExecutionResult | Promise<ExecutionResult> | null;

/** An operation that comes this often is compiled: compiling costs as much as some dozen runs. */
const COMPILED_AFTER = 20;

interface Use {
  count: number;
  run: Run | null;
}

const uses = new WeakMap<PreparedDocument, Use>();

/** Null until an operation has come often enough, and for what can't be compiled: then graphql executes it. */
export function compiledRun(schema: GraphQLSchema, prepared: PreparedDocument): Run | null {
  let use = uses.get(prepared);
  if (!use) {
    use = { count: 0, run: null };
    uses.set(prepared, use);
  }
  use.count += 1;
  if (use.count === COMPILED_AFTER) use.run = compile(schema, prepared);
  return use.run;
}

function compile(schema: GraphQLSchema, { document, operation }: PreparedDocument): Run | null {
  const query = compileQuery(schema, document, operation.name?.value);
  if (!isCompiledQuery(query)) return null;
  const definitions = operation.variableDefinitions ?? [];
  return (context, variables) => {
    // The compiled code reads variables less strictly: it knows nothing of `@oneOf`.
    if (getVariableValues(schema, definitions, variables).errors) return null;
    const result = (query as CompiledQuery).query(undefined, context, variables);
    return result instanceof Promise
      ? result.then((settled) => withErrors(settled, document.loc?.source))
      : withErrors(result, document.loc?.source);
  };
}

/** The compiled code's errors know lines and columns only; graphql's own, which the rest of this house reads, know the source. */
function withErrors(result: ExecutionResult, source: Source | undefined): ExecutionResult {
  if (!result.errors || !source) return result;
  const errors = result.errors.map(({ message, locations, path, originalError }) => {
    const positions = locations?.map(({ line, column }) => positionOf(source.body, line, column));
    return new GraphQLError(message, { source, positions, path, originalError });
  });
  return { ...result, errors };
}

/** Lines end as in section 2.1.2 of the GraphQL specification; both count from 1. */
function positionOf(text: string, line: number, column: number): number {
  const ends = /\r\n|[\n\r]/g;
  for (let passed = 1; passed < line && ends.exec(text); passed += 1);
  return ends.lastIndex + column - 1;
}
