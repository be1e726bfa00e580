import type { InputRef, ObjectRef } from "@pothos/core";
import { recordDenial } from "../domain/audit.ts";
import { ConflictError, ForbiddenError, InvalidInputError, NotFoundError, type UserError } from "../lib/errors.ts";
import { type BuilderTypes, builder } from "./builder.ts";
import { forget, type GraphQLContext } from "./context.ts";

type ErrorClass = new (...args: never[]) => UserError;

/** What nearly every mutation can meet. */
const COMMON_ERRORS = [InvalidInputError, NotFoundError, ForbiddenError, ConflictError];

/**
 * A mutation as all of ours are: one `input`, and a nullable union `<Name>Result` of its payload and the expected errors.
 * `errors` adds to the common ones. The resolver is the domain's function of the same name.
 */
export function mutation<Input, Payload extends object>(
  name: string,
  options: {
    description: string;
    input: InputRef<Input>;
    payload: ObjectRef<BuilderTypes, Payload>;
    errors?: ErrorClass[];
    run: (context: GraphQLContext, input: Input) => Promise<Payload>;
  },
): void {
  const typeName = name.charAt(0).toUpperCase() + name.slice(1);
  builder.mutationField(name, (t) =>
    t.field({
      type: options.payload,
      nullable: true,
      description: options.description,
      args: {
        input: t.arg({
          type: options.input as InputRef<unknown>,
          required: true,
          description: "Everything that the mutation takes.",
        }),
      },
      errors: {
        types: [...COMMON_ERRORS, ...(options.errors ?? [])] as never,
        union: { name: `${typeName}Result`, description: `What ${name} answers: its payload, or the error that it met.` },
      },
      resolve: async (_root: unknown, args: { input: Input }, context: GraphQLContext) => {
        // What an earlier mutation of the same request has changed is read anew.
        forget(context);
        try {
          return await options.run(context, args.input);
        } catch (error) {
          if (error instanceof ForbiddenError) await recordDenial(context, name);
          throw error;
        }
      },
    } as never),
  );
}

export function deletedPayload(name: string, what: string) {
  return builder.objectRef<{ deletedId: string }>(name).implement({
    description: "What was deleted.",
    fields: (t) => ({ deletedId: t.exposeID("deletedId", { description: `The id that the ${what} had.` }) }),
  });
}
