import type { ApiKey } from "../db/generated/client.ts";
import { apiKeyOrder, apiKeyPermissions, apiKeyWhere, createApiKey, revokeApiKey } from "../domain/api-key.ts";
import type { Role } from "../domain/permissions.ts";
import { encodeId } from "../lib/ids.ts";
import { builder } from "./builder.ts";
import { pageCost, rowPage } from "./connection.ts";
import { mutation } from "./mutation.ts";
import { ApiKeyConnection, ApiKeyType, UserType } from "./refs.ts";
import { UserRefInput } from "./user-ref.ts";
import { PermissionEnum, RoleEnum } from "./viewer.ts";

builder.prismaObjectFields(ApiKeyType, (t) => ({
  id: t.id({ description: "`key_…`", resolve: ({ id }) => encodeId("ApiKey", id) }),
  name: t.exposeString("name", { description: "For people." }),
  role: t.field({ type: RoleEnum, description: "What its permissions begin with.", resolve: ({ role }) => role as Role }),
  permissions: t.field({
    type: [PermissionEnum],
    description: "Everything that it may do: its role's permissions and those added.",
    resolve: (key) => apiKeyPermissions(key),
  }),
  connectorSlugs: t.field({
    type: ["String"],
    nullable: true,
    description: "The connectors that use, reveal and proxy are narrowed to; null: all.",
    resolve: ({ connectorSlugs }) => (connectorSlugs.length > 0 ? connectorSlugs : null),
  }),
  users: t.field({
    type: [UserType],
    nullable: true,
    description: "The users whose credentials use, reveal and proxy are narrowed to, those aside who are deleted; null: all.",
    resolve: async ({ userIds }, _args, { loaders }) => {
      const users = await Promise.all(userIds.map((id) => loaders.users.load(id)));
      return users.length > 0 ? users.filter((user) => user.deletedAt === null) : null;
    },
  }),
  methods: t.field({
    type: ["String"],
    nullable: true,
    description: "The HTTP methods that proxy and callApi are narrowed to, in which case nothing is revealed; null: all.",
    resolve: ({ methods }) => (methods.length > 0 ? methods : null),
  }),
  prefix: t.exposeString("prefix", { description: "How the key begins, for people to recognise it by." }),
  lastUsedAt: t.expose("lastUsedAt", {
    type: "DateTime",
    nullable: true,
    description: "When it was last used, to the minute or so; null: never.",
  }),
  expiresAt: t.expose("expiresAt", {
    type: "DateTime",
    nullable: true,
    description: "From when it no longer works; null: it does not expire.",
  }),
  revokedAt: t.expose("revokedAt", { type: "DateTime", nullable: true, description: "When it was revoked; null: it was not." }),
  createdAt: t.expose("createdAt", { type: "DateTime", description: "When it was created." }),
}));

builder.queryField("apiKeys", (t) =>
  t.connection(
    {
      type: ApiKeyType,
      nullable: true,
      description: "The project's API keys, newest first, revoked ones included. For ADMIN keys.",
      complexity: pageCost,
      resolve: (_root, args, context, info) =>
        rowPage(context, info, { args, model: "ApiKey", order: apiKeyOrder(), where: apiKeyWhere(context) }),
    },
    ApiKeyConnection,
  ),
);

mutation("createApiKey", {
  description: "A new key for a back end or a person. The key itself is in this answer and nowhere else.",
  input: builder.inputType("CreateApiKeyInput", {
    description:
      "Never more than the caller's own permissions; END_USER is refused. The narrowing lists hold for use, reveal and proxy.",
    fields: (t) => ({
      name: t.string({ required: true, description: "For people; 1 to 200 characters." }),
      role: t.field({ type: RoleEnum, required: true, description: "ADMIN, DEVELOPER or VIEWER." }),
      permissions: t.field({ type: [PermissionEnum], description: "Beyond the role's own." }),
      connectorSlugs: t.stringList({ description: "Narrows use, reveal and proxy to these connectors. Absent: all." }),
      users: t.field({
        type: [UserRefInput],
        description: "Narrows use, reveal and proxy to these users' credentials. Absent: all.",
      }),
      methods: t.stringList({
        description: "Narrows proxy and callApi to these HTTP methods; such a key reveals nothing. Absent: all.",
      }),
      expiresAt: t.field({ type: "DateTime", description: "From when it no longer works. Absent: it does not expire." }),
      idempotencyKey: t.string({ description: "Repeats within a day give the same object, without `key`." }),
    }),
  }),
  payload: builder.objectRef<{ apiKey: ApiKey; key: string }>("CreateApiKeyPayload").implement({
    description: "The new key.",
    fields: (t) => ({
      apiKey: t.field({ type: ApiKeyType, description: "What is stored of it.", resolve: ({ apiKey }) => apiKey }),
      key: t.exposeString("key", { description: "This once. Empty in an idempotent repeat." }),
    }),
  }),
  run: createApiKey,
});

mutation("revokeApiKey", {
  description: "Ends a key at once, open sockets included. A key that was revoked before stays as it is.",
  input: builder.inputType("RevokeApiKeyInput", {
    description: "Which key to end.",
    fields: (t) => ({ id: t.id({ required: true, description: "The key's id, not the key." }) }),
  }),
  payload: builder.objectRef<{ apiKey: ApiKey }>("RevokeApiKeyPayload").implement({
    description: "The key as it now is.",
    fields: (t) => ({ apiKey: t.field({ type: ApiKeyType, description: "The key.", resolve: ({ apiKey }) => apiKey }) }),
  }),
  run: revokeApiKey,
});
