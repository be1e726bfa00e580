import { builder } from "./builder.ts";

export const UserRefInput = builder.inputType("UserRef", {
  isOneOf: true,
  description: "Names a user, by exactly one of these.",
  fields: (t) => ({
    id: t.id({ description: "The user's id, `usr_…`." }),
    externalId: t.string({ description: "The product's own id of the user, as given to upsertUser." }),
  }),
});
