/**
 * What a document may cost. All of it is judged before anything runs: tokens while parsing, depth and aliases on the bare
 * syntax (so before validation, which is slower), cost after it. Costs come from each field's `complexity`: 1 unless it
 * says otherwise; a connection multiplies what is below it by its page size. Introspection is limited by graphql's own rule.
 */
import { complexityFromQuery } from "@pothos/plugin-complexity";
import {
  type DocumentNode,
  type FragmentDefinitionNode,
  GraphQLError,
  type GraphQLSchema,
  getNamedType,
  isCompositeType,
  isInterfaceType,
  isObjectType,
  Kind,
  type OperationDefinitionNode,
  type SelectionSetNode,
  TypeInfo,
  visit,
  visitWithTypeInfo,
} from "graphql";

export const LIMITS = {
  /** Words and punctuation of the document. */
  tokens: 5_000,
  /** Levels of selections, fragments unfolded. */
  depth: 15,
  /** Aliases, fragments unfolded. */
  aliases: 100,
  /** Fields in all, fragments unfolded. */
  breadth: 1_000,
  /** Units; a plain field of one object is one. */
  cost: 25_000,
} as const;

export function tooComplex(message: string): GraphQLError {
  return new GraphQLError(message, { extensions: { code: "QUERY_TOO_COMPLEX" } });
}

interface Shape {
  depth: number;
  aliases: number;
  fields: number;
}

/** Depth, aliases and number of fields of every operation. Safe on documents that were not validated. */
export function checkShape(document: DocumentNode): GraphQLError | null {
  const fragments = new Map<string, FragmentDefinitionNode>();
  for (const definition of document.definitions) {
    if (definition.kind === Kind.FRAGMENT_DEFINITION) fragments.set(definition.name.value, definition);
  }
  const known = new Map<SelectionSetNode, Shape>();
  for (const definition of document.definitions) {
    if (definition.kind !== Kind.OPERATION_DEFINITION) continue;
    const { depth, aliases, fields } = measure(definition.selectionSet, fragments, known);
    if (depth > LIMITS.depth) return tooComplex(`The query is ${depth} levels deep; at most ${LIMITS.depth} are allowed.`);
    if (aliases > LIMITS.aliases)
      return tooComplex(`The query has more than ${LIMITS.aliases} aliases. Split it into several requests.`);
    if (fields > LIMITS.breadth)
      return tooComplex(`The query selects more than ${LIMITS.breadth} fields. Split it into several requests.`);
  }
  return null;
}

function measure(
  set: SelectionSetNode,
  fragments: ReadonlyMap<string, FragmentDefinitionNode>,
  known: Map<SelectionSetNode, Shape>,
): Shape {
  const measured = known.get(set);
  if (measured) return measured;
  const total: Shape = { depth: 0, aliases: 0, fields: 0 };
  // Registered before its parts: a fragment that contains itself ends here, and validation says so.
  known.set(set, total);
  for (const selection of set.selections) {
    const isField = selection.kind === Kind.FIELD;
    const inner =
      selection.kind === Kind.FRAGMENT_SPREAD ? fragments.get(selection.name.value)?.selectionSet : selection.selectionSet;
    const introspection = isField && selection.name.value.startsWith("__");
    const below = inner && !introspection ? measure(inner, fragments, known) : { depth: 0, aliases: 0, fields: 0 };
    total.depth = Math.max(total.depth, below.depth + (isField ? 1 : 0));
    total.aliases += below.aliases + (isField && selection.alias ? 1 : 0);
    total.fields += below.fields + (isField ? 1 : 0);
  }
  return total;
}

/** The costs of one operation: known for good where no page size is a variable, else worked out for each request. */
export type CostCheck = (variables: Record<string, unknown> | null) => GraphQLError | null;

/** For a validated document. */
export function costCheck(schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode): CostCheck {
  const definitions = document.definitions.filter(
    (definition) => definition === operation || definition.kind === Kind.FRAGMENT_DEFINITION,
  );
  const whole: DocumentNode = { ...document, definitions };
  if (dependsOnVariables(schema, whole)) return (variables) => judge(schema, whole, variables ?? {});
  // Nothing that counts uses them, so that their values, which are not at hand yet, need not be known.
  const constant = {
    ...whole,
    definitions: definitions.map((node) => (node === operation ? { ...operation, variableDefinitions: [] } : node)),
  };
  const verdict = judge(schema, constant, {});
  return () => verdict;
}

function judge(schema: GraphQLSchema, document: DocumentNode, variables: Record<string, unknown>): GraphQLError | null {
  let cost: number;
  try {
    cost = complexityFromQuery(document, { schema, variables }).complexity;
  } catch (error) {
    // Variables of the wrong type: execution says so, better.
    if (error instanceof GraphQLError) return null;
    throw error;
  }
  if (cost <= LIMITS.cost) return null;
  return tooComplex(
    `The query would cost ${Math.round(cost)} units; at most ${LIMITS.cost} are allowed. Ask for smaller pages, or for less of each object.`,
  );
}

/** Whether a field whose cost follows from its arguments is given a variable. */
function dependsOnVariables(schema: GraphQLSchema, document: DocumentNode): boolean {
  let found = false;
  const types = new TypeInfo(schema);
  visit(
    document,
    visitWithTypeInfo(types, {
      Field(node) {
        const parent = types.getParentType();
        const named = parent && getNamedType(parent);
        if (!named || !isCompositeType(named) || !(isObjectType(named) || isInterfaceType(named))) return;
        if (typeof named.getFields()[node.name.value]?.extensions.complexity !== "function") return;
        found ||= (node.arguments ?? []).some((argument) => mentionsVariable(argument.value));
      },
    }),
  );
  return found;
}

function mentionsVariable(value: object): boolean {
  let found = false;
  visit(value as never, {
    Variable() {
      found = true;
    },
  });
  return found;
}
