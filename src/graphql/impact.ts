import { credentialOrder, visibleCredentials } from "../domain/credential.ts";
import type { ImpactSummary } from "../lib/errors.ts";
import { builder } from "./builder.ts";
import { pageCost, rowPage } from "./connection.ts";
import { CredentialConnection, CredentialType } from "./refs.ts";

export const ImpactType = builder.objectRef<ImpactSummary>("Impact").implement({
  description: "What a change or deletion would touch.",
  fields: (t) => ({
    activeCredentialCount: t.exposeInt("activeCredentialCount", {
      description: "Credentials that work now and would be affected.",
    }),
    userCount: t.exposeInt("userCount", { description: "Users whose credentials these are." }),
    pendingRequestCount: t.exposeInt("pendingRequestCount", {
      description: "Connection requests under way that would be cancelled.",
    }),
    credentials: t.connection(
      {
        type: CredentialType,
        description: "The credentials that would be affected, newest first.",
        complexity: pageCost,
        resolve: (impact, args, context, info) =>
          rowPage(context, info, {
            args,
            model: "Credential",
            order: credentialOrder(null),
            where: { AND: [visibleCredentials(context), impact.credentialWhere] },
          }),
      },
      CredentialConnection,
    ),
  }),
});
