import type { Prisma } from "../db/database.ts";
import { credentialOrder, visibleCredentials } from "../domain/credential.ts";
import type { ImpactSummary } from "../lib/errors.ts";
import { builder } from "./builder.ts";
import { nodeQuery, pageCost, rowPage } from "./connection.ts";
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
        resolve: (impact, args, context, info) => {
          const { credential } = context.services.database.prisma;
          const where: Prisma.CredentialWhereInput = { AND: [visibleCredentials(context), impact.credentialWhere] };
          const query = nodeQuery(context, info, "Credential");
          return rowPage({
            args,
            model: "Credential",
            order: credentialOrder(null),
            where,
            find: (page) => credential.findMany({ ...query, ...page }),
            count: () => credential.count({ where }),
          });
        },
      },
      CredentialConnection,
    ),
  }),
});
