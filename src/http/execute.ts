import {
  createSourceEventStream,
  type ExecutionResult,
  executeSubscriptionEvent,
  type FormattedExecutionResult,
  type GraphQLError,
  validateSubscriptionArgs,
} from "graphql";
import type { Caller } from "../domain/caller.ts";
import { createContext } from "../graphql/context.ts";
import type { PreparedDocument } from "../graphql/document.ts";
import { maskError } from "../graphql/errors.ts";
import { RequestError } from "../lib/errors.ts";
import { count, observe, openSubscriptions } from "../lib/metrics.ts";
import { traced } from "../lib/tracing.ts";
import type { Face } from "./options.ts";
import type { GraphQLParameters } from "./parameters.ts";
import { spoken } from "./spoken.ts";

/** A query or mutation, for every transport. Never rejects for what a resolver throws. */
export function executeOperation(
  face: Face,
  prepared: PreparedDocument,
  parameters: GraphQLParameters,
  caller: Caller | null,
): ExecutionResult | Promise<ExecutionResult> {
  return face.engine({
    schema: face.schema,
    document: prepared.document,
    operationName: parameters.operationName,
    variableValues: parameters.variables,
    contextValue: caller && createContext(face.services, caller),
    hideSuggestions: !face.exploration,
    prepared,
  });
}

/** The same within the limit of time. Past it rejects with RequestError 503: the work itself can't be taken back, its answer is given up. */
export function executeWithinLimit(
  face: Face,
  prepared: PreparedDocument,
  parameters: GraphQLParameters,
  caller: Caller | null,
): ExecutionResult | Promise<ExecutionResult> {
  const type = prepared.operation.operation;
  const started = performance.now();
  const noted = (result: ExecutionResult) => {
    count("graphql_operations", { type, outcome: result.data === undefined ? "refused" : result.errors ? "error" : "ok" });
    observe("graphql_operation", { type }, (performance.now() - started) / 1000);
    return result;
  };
  const work = traced(`graphql ${type}`, { attributes: { "graphql.operation.type": type } }, () =>
    executeOperation(face, prepared, parameters, caller),
  );
  if (!(work instanceof Promise)) return noted(work);
  let timer: NodeJS.Timeout;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const message =
        "The operation took too long and was given up. A mutation may still take effect: read before you repeat it.";
      reject(new RequestError("QUERY_TOO_COMPLEX", message, 503));
    }, face.limits.operationMs);
  });
  return Promise.race([work.then(noted), limit]).finally(() => clearTimeout(timer));
}

/**
 * A subscription: a stream of results, or the errors it could not begin for. Each message is resolved in a context of its own, so
 * that it carries the present state and no earlier message's cache; `caller` is asked again for each, because time passes.
 * Aborting `signal` ends the source (resolvers have it from `info.getAbortSignal()`).
 */
export async function subscribeOperation(
  face: Face,
  prepared: PreparedDocument,
  parameters: GraphQLParameters,
  caller: () => Caller,
  signal: AbortSignal,
): Promise<AsyncGenerator<ExecutionResult, void, void> | ExecutionResult> {
  const validated = validateSubscriptionArgs({
    schema: face.schema,
    document: prepared.document,
    operationName: parameters.operationName,
    variableValues: parameters.variables,
    contextValue: createContext(face.services, caller()),
    hideSuggestions: !face.exploration,
    abortSignal: signal,
  });
  if (!("schema" in validated)) return { errors: validated };
  const source = await createSourceEventStream(validated);
  if (!(Symbol.asyncIterator in source)) return source;
  return mapped(source as AsyncGenerator<unknown, void, void>, (rootValue) =>
    executeSubscriptionEvent({ ...validated, rootValue, contextValue: createContext(face.services, caller()) }),
  );
}

/** As graphql's `mapSourceToResponseEvent`, for one reader who waits for each message: an eighth of the memory of an idle subscription less. */
function mapped<Event, Result>(
  source: AsyncGenerator<Event, void, void>,
  toResult: (event: Event) => Result | Promise<Result>,
): AsyncGenerator<Result, void, void> {
  let isOpen = true;
  openSubscriptions.inc();
  const end = () => {
    if (isOpen) openSubscriptions.dec();
    isOpen = false;
  };
  const results: AsyncGenerator<Result, void, void> = {
    async next() {
      const { done, value } = await source.next().catch((error: unknown) => {
        end();
        throw error;
      });
      if (done) end();
      return done ? { done: true, value: undefined } : { done: false, value: await toResult(value) };
    },
    async return() {
      end();
      await source.return();
      return { done: true, value: undefined };
    },
    async throw(error) {
      end();
      await source.throw(error);
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => results,
    async [Symbol.asyncDispose]() {
      end();
      await source.return();
    },
  };
  return results;
}

/** What goes over the wire: the data, and errors that say nothing internal, in the caller's language. */
export function formatResult(face: Face, result: ExecutionResult, locale: string | null): FormattedExecutionResult {
  if (!result.errors) return result as FormattedExecutionResult;
  return { ...result, errors: formatErrors(face, result.errors, locale) };
}

export function formatErrors(
  face: Face,
  errors: readonly unknown[],
  locale: string | null,
): ReturnType<GraphQLError["toJSON"]>[] {
  return errors.map((error) => spoken(maskError(error, face.services.log).toJSON(), locale));
}
