import type { GraphQLError } from "graphql";
import { Kind } from "graphql";
import { type PreparedDocument, parseAndValidate } from "../graphql/document.ts";
import type { Face } from "./options.ts";
import type { GraphQLParameters } from "./parameters.ts";

export type Preparation = { prepared: PreparedDocument } | { errors: readonly GraphQLError[] };

/** Parsed, validated and found affordable, or why not. Nothing of it is executed. */
export function prepare(face: Face, parameters: GraphQLParameters): Preparation {
  return parseAndValidate(face.schema, parameters, { introspection: face.exploration });
}

/** Asks for the schema's description and nothing else. */
export function isIntrospectionOnly({ operation }: PreparedDocument): boolean {
  return (
    operation.operation === "query" &&
    operation.selectionSet.selections.every((selection) => selection.kind === Kind.FIELD && selection.name.value === "__schema")
  );
}
