/** Inputs that several entities' lists share. */
import type { EnumRef } from "@pothos/core";
import { type BuilderTypes, builder, enumType } from "./builder.ts";
import { ConnectionStatusEnum, CredentialStatusEnum } from "./statuses.ts";
import { UserRefInput } from "./user-ref.ts";

const OrderDirectionEnum = enumType("OrderDirection", "Which way a list runs.", {
  ASC: "Smallest, oldest, A first.",
  DESC: "Largest, newest, Z first.",
});

/** `input XOrder { field direction }`. */
export function orderInput<Field extends string>(name: string, field: EnumRef<BuilderTypes, Field, Field>) {
  return builder.inputType(name, {
    description: "What a list is ordered by. Ties are broken by id, so that pages never overlap.",
    fields: (t) => ({
      field: t.field({ type: field, required: true, description: "By what." }),
      direction: t.field({ type: OrderDirectionEnum, required: true, description: "Which way." }),
    }),
  });
}

export const CredentialFilterInput = builder.inputType("CredentialFilter", {
  description: "What must hold of a credential; absent or null: anything.",
  fields: (t) => ({
    search: t.string({
      description: "Part of the label, the account's name or e-mail address, or the connector's slug, whatever the case.",
    }),
    user: t.field({ type: UserRefInput, description: "Whose account it is." }),
    connectorSlug: t.string({ description: "With this connector." }),
    authConfigId: t.id({ description: "Of this auth config." }),
    status: t.field({ type: [CredentialStatusEnum], description: "In one of these states now." }),
    expiringBefore: t.field({ type: "DateTime", description: "The access token runs out before this moment." }),
  }),
});

export const ConnectionRequestFilterInput = builder.inputType("ConnectionRequestFilter", {
  description: "What must hold of a connection request; absent or null: anything.",
  fields: (t) => ({
    user: t.field({ type: UserRefInput, description: "Of this user." }),
    connectorSlug: t.string({ description: "With this connector." }),
    authConfigId: t.id({ description: "Of this auth config." }),
    credentialId: t.id({ description: "About this credential." }),
    status: t.field({ type: [ConnectionStatusEnum], description: "In one of these states now." }),
  }),
});
