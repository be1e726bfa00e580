import { defaultFieldResolver, type GraphQLObjectType, type GraphQLResolveInfo, type GraphQLSchema } from "graphql";
import { recordDenial } from "../domain/audit.ts";
import { ForbiddenError } from "../lib/errors.ts";
import type { GraphQLContext } from "./context.ts";

type Resolver = (root: unknown, args: never, context: GraphQLContext, info: GraphQLResolveInfo) => unknown;

/**
 * Every refused query and subscription is in the audit log too, as every refused mutation is (mutation.ts): the root fields' resolvers,
 * where the domain asks for permissions, are wrapped once. What is allowed costs a function call.
 */
export function recordDenials(schema: GraphQLSchema): GraphQLSchema {
  for (const field of fieldsOf(schema.getQueryType()))
    field.resolve = recording((field.resolve ?? defaultFieldResolver) as Resolver) as typeof field.resolve;
  for (const field of fieldsOf(schema.getSubscriptionType())) {
    if (field.subscribe) field.subscribe = recording(field.subscribe as Resolver) as typeof field.subscribe;
  }
  return schema;
}

function fieldsOf(root: GraphQLObjectType | null | undefined) {
  return Object.values(root?.getFields() ?? {});
}

function recording(resolve: Resolver): Resolver {
  return (root, args, context, info) => {
    const denied = async (error: unknown): Promise<never> => {
      if (error instanceof ForbiddenError) await recordDenial(context, info.fieldName);
      throw error;
    };
    try {
      const result = resolve(root, args, context, info);
      return result instanceof Promise ? result.catch(denied) : result;
    } catch (error) {
      return denied(error);
    }
  };
}
