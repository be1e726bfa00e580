/**
 * The one schema builder. Its plugins: Prisma (selections and relations of rows), Relay (connections), errors (result
 * unions), complexity (costs, read by limits.ts before anything runs, so that no resolver pays for it).
 *
 * Left out on purpose: scope-auth, because who may see what is decided in root resolvers and in `where` clauses, by the
 * domain, and a wrapper around every field would cost the hot reads a fifth of their time; validation, because inputs are
 * checked by the domain, which jobs and HTTP routes call too.
 */
import SchemaBuilder, { type EnumRef } from "@pothos/core";
import ComplexityPlugin from "@pothos/plugin-complexity";
import ErrorsPlugin from "@pothos/plugin-errors";
import PrismaPlugin from "@pothos/plugin-prisma";
import RelayPlugin from "@pothos/plugin-relay";
import type { GraphQLContext } from "./context.ts";
import type PrismaTypes from "./generated/pothos-types.ts";
import { getDatamodel } from "./generated/pothos-types.ts";
import { LIBRARY_SCALARS, OriginScalar, type ScalarTypes, UrlScalar } from "./scalars.ts";

export type SchemaTypes = {
  Context: GraphQLContext;
  PrismaTypes: PrismaTypes;
  Scalars: ScalarTypes & { ID: { Input: string; Output: string } };
  DefaultFieldNullability: false;
  DefaultEdgesNullability: { list: false; items: false };
  DefaultNodeNullability: false;
  Connection: { totalCount(): Promise<number> };
};

/** What refs of this builder are generic over. */
export type BuilderTypes = PothosSchemaTypes.ExtendDefaultTypes<SchemaTypes>;

export const builder = new SchemaBuilder<SchemaTypes>({
  // Errors stands first: it wraps outermost.
  plugins: [ErrorsPlugin, RelayPlugin, PrismaPlugin, ComplexityPlugin],
  defaultFieldNullability: false,
  prisma: {
    client: (context: GraphQLContext) => context.services.database.prisma,
    dmmf: getDatamodel(),
    exposeDescriptions: false,
  },
  errors: { directResult: true },
  complexity: { disabled: true, defaultComplexity: 1, defaultListMultiplier: 2 },
  relay: {
    nodeQueryOptions: false,
    nodesQueryOptions: false,
    cursorType: "String",
    nodesOnConnection: { description: "The objects of this page, in order.", complexity: { field: 1, multiplier: 1 } },
    edgesFieldOptions: {
      nullable: { list: false, items: false },
      description: "The objects of this page with their cursors, in order.",
      complexity: { field: 1, multiplier: 1 },
    },
    nodeFieldOptions: { nullable: false, description: "The object." },
    cursorFieldOptions: {
      description: "Where the object stands: pass it as `after` or `before`. Good for the same ordering only.",
    },
    pageInfoFieldOptions: { description: "Whether there is more, and from where." },
    pageInfoTypeOptions: { description: "How a page lies in its list." },
    hasNextPageFieldOptions: { description: "Whether there is more after this page." },
    hasPreviousPageFieldOptions: { description: "Whether there is more before this page." },
    startCursorFieldOptions: { description: "Cursor of the first object; null on an empty page." },
    endCursorFieldOptions: {
      description: "Cursor of the last object: pass it as `after` for the next page; null on an empty page.",
    },
    firstArgOptions: { description: "How many from the front: 0 to 100, default 20. Not together with `last`." },
    lastArgOptions: { description: "How many from the end: 0 to 100. Not together with `first`." },
    afterArgOptions: { description: "Only what follows this cursor." },
    beforeArgOptions: { description: "Only what comes before this cursor." },
  },
});

builder.addScalarType("DateTime", LIBRARY_SCALARS.DateTime);
builder.addScalarType("JSON", LIBRARY_SCALARS.JSON);
builder.addScalarType("EmailAddress", LIBRARY_SCALARS.EmailAddress);
builder.addScalarType("URL", UrlScalar);
builder.addScalarType("Origin", OriginScalar);

builder.queryType({ description: "Everything that can be read. What the caller may not see does not exist for it." });
builder.mutationType({
  description:
    "Everything that changes something. Each takes one `input` and returns its payload, or one of the errors it can meet.",
});
builder.subscriptionType({ description: "What happens, as it happens, over WebSocket or server-sent events." });

/** An enum with a description for each value, in the order given. */
export function enumType<const Values extends Record<string, string>>(
  name: string,
  description: string,
  values: Values,
): EnumRef<BuilderTypes, keyof Values & string> {
  return builder.enumType(name, {
    description,
    values: Object.fromEntries(Object.entries(values).map(([value, text]) => [value, { description: text }])),
  }) as unknown as EnumRef<BuilderTypes, keyof Values & string>;
}
