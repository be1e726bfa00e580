import { type ExecutionArgs, type ExecutionResult, execute, type GraphQLSchema } from "graphql";
import { createYoga, type Plugin } from "graphql-yoga";
import type { PreparedDocument } from "../graphql/document.ts";
import { compiledRun } from "./compiled.ts";

/** One query or mutation, parsed and validated already. */
export interface OperationArgs extends ExecutionArgs {
  prepared: PreparedDocument;
}

/** Runs operations. Never rejects for what a resolver throws. */
export type Engine = (args: OperationArgs) => ExecutionResult | Promise<ExecutionResult>;

/**
 * graphql-yoga runs every operation of every transport, by its documented `getEnveloped()`: any of its plugins (tracing, metrics) joins
 * here. Its HTTP layer is left out, because a Request and a Response made for each call cost more than the query between them.
 */
export function createEngine(schema: GraphQLSchema, plugins: Plugin[] = []): Engine {
  const yoga = createYoga({
    schema,
    plugins: [...plugins, compiledWhereFrequent],
    // Errors are masked where they are written, for all transports alike (graphql/errors.ts).
    maskedErrors: false,
    logging: false,
    graphiql: false,
    landingPage: false,
    cors: false,
  });
  return (args) => yoga.getEnveloped(args.contextValue ?? {}).execute(args);
}

const compiledWhereFrequent: Plugin = {
  onExecute({ setExecuteFn }) {
    setExecuteFn(run as never);
  },
};

function run(args: OperationArgs): ExecutionResult | Promise<ExecutionResult> {
  const result = compiledRun(args.schema, args.prepared)?.(args.contextValue, args.variableValues ?? {});
  // Without data nothing was executed: the variables don't fit, which graphql says better.
  return result && (result instanceof Promise || result.data !== undefined) ? result : execute(args);
}
