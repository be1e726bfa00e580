import { builder } from "./builder.ts";

export const ConnectTargetInput = builder.inputType("ConnectTarget", {
  isOneOf: true,
  description:
    "Either a config, or a connector that has exactly one enabled config (else AMBIGUOUS_AUTH_CONFIG, NO_AUTH_CONFIG).",
  fields: (t) => ({
    authConfigId: t.id({ description: "`ac_…`" }),
    connectorSlug: t.string({ description: "The connector's slug." }),
  }),
});
