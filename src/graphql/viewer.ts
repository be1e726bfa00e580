import type { Caller } from "../domain/caller.ts";
import { builder, enumType } from "./builder.ts";
import { ApiKeyType, ProjectType, UserType } from "./refs.ts";

export const RoleEnum = enumType("Role", "What a caller is. Closed: a new value would be a breaking change.", {
  ADMIN: "Everything in its project.",
  DEVELOPER: "Builds with it: configs, users, connections; deletes nothing, reveals nothing unless the key may.",
  VIEWER: "Reads everything but keys and the audit log.",
  END_USER: "A user session: one end user, their own credentials and connection requests.",
});

export const PermissionEnum = enumType(
  "Permission",
  "The closed list of actions that the domain asks about, ENTITY_ACTION, for example AUTH_CONFIG_CREATE, CREDENTIAL_REVEAL. Open to clients: keep a default branch.",
  {
    AUTH_CONFIG_READ: "See auth configs.",
    AUTH_CONFIG_CREATE: "Create auth configs.",
    AUTH_CONFIG_UPDATE: "Change auth configs, switch them on and off.",
    AUTH_CONFIG_DELETE: "Delete auth configs with their credentials.",
    CREDENTIAL_READ: "See credentials and connection requests, without secrets.",
    CREDENTIAL_CREATE: "Change, test, switch and re-authorize credentials.",
    CREDENTIAL_USE: "Refresh credentials and call APIs with them.",
    CREDENTIAL_REVEAL: "Read the secrets of credentials; each time is one audit event.",
    CREDENTIAL_DELETE: "Revoke credentials here and at the provider.",
    CONNECTION_INITIATE: "Start and cancel connection requests, and see their links.",
    CONNECTOR_READ: "See connectors.",
    CONNECTOR_WRITE: "Create and change the project's own connectors.",
    CONNECTOR_DELETE: "Delete the project's own connectors.",
    USER_READ: "See users.",
    USER_WRITE: "Create and change users, mint and revoke their sessions.",
    USER_DELETE: "Delete users and every secret of theirs.",
    WEBHOOK_MANAGE: "See and change webhooks.",
    AUDIT_READ: "Read the audit log.",
    API_KEY_MANAGE: "See, create and revoke API keys.",
    PROJECT_READ: "See the project and its settings.",
    PROJECT_MANAGE: "Change the project; with a key of the first project, see and create others.",
  },
);

const ViewerType = builder.objectRef<Caller>("Viewer").implement({
  description: `The caller. Either an API key (\`Authorization: Bearer mlk_…\`: a back end or an operator, everything in its project that
its role allows), or a user session (\`Authorization: Bearer mls_…\`: a browser, one end user's own credentials and connection
requests, and the connectors the session allows).

END_USER sees of an AuthConfig: id, name, connector, scheme, status, credentialFields, initiationFields; its \`credentials\` and
counts cover the caller's own; its other fields are null. A root list that a role may not read is null with FORBIDDEN.`,
  fields: (t) => ({
    project: t.prismaField({
      type: ProjectType,
      description: "The caller's project.",
      resolve: (query, caller, _args, { services }) =>
        services.database.prisma.project.findUniqueOrThrow({ ...query, where: { id: caller.projectId } }),
    }),
    role: t.field({ type: RoleEnum, description: "What the caller is.", resolve: (caller) => caller.role }),
    user: t.prismaField({
      type: UserType,
      nullable: true,
      description: "The user of a session; null for an API key.",
      resolve: (query, { projectId, userId }, _args, { services }) =>
        userId ? services.database.prisma.user.findFirst({ ...query, where: { projectId, id: userId, deletedAt: null } }) : null,
    }),
    apiKey: t.prismaField({
      type: ApiKeyType,
      nullable: true,
      description: "The API key; null for a user session.",
      resolve: (query, { projectId, apiKeyId }, _args, { services }) =>
        apiKeyId ? services.database.prisma.apiKey.findFirst({ ...query, where: { projectId, id: apiKeyId } }) : null,
    }),
    permissions: t.field({
      type: [PermissionEnum],
      description: "What the caller may do; a session only with its own objects.",
      resolve: (caller) => [...caller.permissions],
    }),
    expiresAt: t.field({
      type: "DateTime",
      nullable: true,
      description: "When the key or session ends: renew it before. Null: never.",
      resolve: (caller) => caller.expiresAt,
    }),
  }),
});

builder.queryField("viewer", (t) =>
  t.field({
    type: ViewerType,
    description: "Who is calling, and what it may do.",
    resolve: (_root, _args, { caller }) => caller,
  }),
);
