import type { User } from "../db/generated/client.ts";
import { assertMay, isUserSession } from "../domain/caller.ts";
import { createConnectLink } from "../domain/connect-link.ts";
import { requestWhere } from "../domain/connection-request.ts";
import { credentialOrder, credentialWhere } from "../domain/credential.ts";
import { deleteUser, findUser, upsertUser, userOrder, userWhere } from "../domain/user.ts";
import { createUserSession, revokeUserSessions } from "../domain/user-session.ts";
import { InUseError } from "../lib/errors.ts";
import { encodeId } from "../lib/ids.ts";
import { builder, enumType } from "./builder.ts";
import { childPage, pageCost, rowPage } from "./connection.ts";
import { ConnectionRequestFilterInput, CredentialFilterInput, orderInput } from "./filters.ts";
import { deletedPayload, mutation } from "./mutation.ts";
import {
  ConnectionRequestConnection,
  ConnectionRequestType,
  CredentialConnection,
  CredentialType,
  UserConnection,
  UserType,
} from "./refs.ts";
import { childrenOf, NEWEST_FIRST } from "./rows.ts";
import { UserRefInput } from "./user-ref.ts";

builder.prismaObjectFields(UserType, (t) => ({
  id: t.id({ description: "`usr_…`", resolve: ({ id }) => encodeId("User", id) }),
  externalId: t.exposeString("externalId", { description: "The product's own id of the user; unique within the project." }),
  displayName: t.exposeString("displayName", { nullable: true, description: "For people; null: not given." }),
  email: t.expose("email", {
    type: "EmailAddress",
    nullable: true,
    description: "As the product gave it, not verified here; null: not given.",
  }),
  locale: t.exposeString("locale", {
    nullable: true,
    description: "Language tag (BCP 47) for the hosted page; null: the browser's.",
  }),
  metadata: t.field({
    type: "JSON",
    nullable: true,
    description: "Null for a user session.",
    resolve: ({ metadata }, _args, { caller }) => (isUserSession(caller) ? null : metadata),
  }),
  credentials: t.connection(
    {
      type: CredentialType,
      description: "The user's credentials, newest first.",
      args: { filter: t.arg({ type: CredentialFilterInput, description: "Which credentials; absent: all." }) },
      complexity: pageCost,
      resolve: (user, args, context, info) =>
        childPage(context, info, {
          parent: user.id,
          args,
          model: "Credential",
          order: credentialOrder(null),
          where: credentialWhere(context, args.filter),
          children: childrenOf(context.services.database.prisma.user, "credentials"),
        }),
    },
    CredentialConnection,
  ),
  connectionRequests: t.connection(
    {
      type: ConnectionRequestType,
      description: "The user's connection requests, newest first.",
      args: { filter: t.arg({ type: ConnectionRequestFilterInput, description: "Which requests; absent: all." }) },
      complexity: pageCost,
      resolve: (user, args, context, info) =>
        childPage(context, info, {
          parent: user.id,
          args,
          model: "ConnectionRequest",
          order: NEWEST_FIRST,
          where: requestWhere(context, args.filter),
          children: childrenOf(context.services.database.prisma.user, "connectionRequests"),
        }),
    },
    ConnectionRequestConnection,
  ),
  createdAt: t.expose("createdAt", { type: "DateTime", description: "When it was first upserted." }),
}));

const UserFilterInput = builder.inputType("UserFilter", {
  description: "What must hold of a user; absent or null: anything.",
  fields: (t) => ({
    search: t.string({ description: "Part of externalId, display name or e-mail address, whatever the case." }),
  }),
});

const UserOrderInput = orderInput(
  "UserOrder",
  enumType("UserOrderField", "What users can be ordered by.", {
    CREATED_AT: "When they were first upserted.",
    DISPLAY_NAME: "Their display names; those without come last.",
  }),
);

builder.queryFields((t) => ({
  users: t.connection(
    {
      type: UserType,
      nullable: true,
      description: "The project's users; default order: newest first. A session sees its own alone.",
      args: {
        filter: t.arg({ type: UserFilterInput, description: "Which users; absent: all." }),
        orderBy: t.arg({ type: UserOrderInput, description: "Absent: newest first." }),
      },
      complexity: pageCost,
      resolve: (_root, args, context, info) => {
        assertMay(context, "USER_READ");
        return rowPage(context, info, {
          args,
          model: "User",
          order: userOrder(args.orderBy),
          where: userWhere(context, args.filter),
        });
      },
    },
    UserConnection,
  ),
  user: t.field({
    type: UserType,
    nullable: true,
    description: "One user; a session finds its own only. Null where there is none.",
    args: { by: t.arg({ type: UserRefInput, required: true, description: "Which user." }) },
    resolve: (_root, { by }, context) => findUser(context, context.services.database.prisma, by),
  }),
}));

const userPayload = (name: string) =>
  builder.objectRef<{ user: User }>(name).implement({
    description: "The user as it now is.",
    fields: (t) => ({ user: t.field({ type: UserType, description: "The user.", resolve: ({ user }) => user }) }),
  });

mutation("upsertUser", {
  description: "By externalId. Creates the user, or updates it.",
  input: builder.inputType("UpsertUserInput", {
    description: "Absent: unchanged; null: cleared.",
    fields: (t) => ({
      externalId: t.string({ required: true, description: "The product's own id of the user, 1 to 255 characters." }),
      displayName: t.string({ description: "For people; at most 200 characters." }),
      email: t.field({ type: "EmailAddress", description: "For people; it is not verified here." }),
      locale: t.string({ description: "Language tag (BCP 47) for the hosted page." }),
      metadata: t.field({ type: "JSON", description: "An object of the product's own; merges by top-level key (RFC 7396)." }),
    }),
  }),
  payload: userPayload("UpsertUserPayload"),
  run: upsertUser,
});

mutation("deleteUser", {
  description: "And every secret of theirs. InUseError until `confirm: true` where accounts are connected; sessions end at once.",
  input: builder.inputType("DeleteUserInput", {
    description: "Which user to delete.",
    fields: (t) => ({
      id: t.id({ required: true, description: "The user's id, `usr_…`." }),
      confirm: t.boolean({ description: "True: although credentials would be revoked." }),
    }),
  }),
  payload: deletedPayload("DeleteUserPayload", "user"),
  errors: [InUseError],
  run: deleteUser,
});

mutation("createUserSession", {
  description: "A short-lived login for one user's browser. API keys only.",
  input: builder.inputType("CreateUserSessionInput", {
    description: "Whose session, and what it may do.",
    fields: (t) => ({
      user: t.field({ type: UserRefInput, required: true, description: "Whose session." }),
      expiresInSeconds: t.int({ description: "60 to 86,400; default 3,600." }),
      connectorSlugs: t.stringList({ description: "Absent: every connector with an enabled config." }),
      locale: t.string({ description: "Language tag (BCP 47) of messages; absent: the user's." }),
    }),
  }),
  payload: builder.objectRef<Awaited<ReturnType<typeof createUserSession>>>("CreateUserSessionPayload").implement({
    description: "The new session. Give the token to the user's browser, and to nobody else.",
    fields: (t) => ({
      token: t.exposeString("token", { description: "This once: for `Authorization: Bearer mls_…`." }),
      expiresAt: t.expose("expiresAt", { type: "DateTime", description: "When it ends." }),
      user: t.field({ type: UserType, description: "Whose session it is.", resolve: ({ user }) => user }),
    }),
  }),
  run: createUserSession,
});

mutation("createConnectLink", {
  description:
    "A link to the hosted page with a choice of connectors, to open or to send: whoever has it connects accounts as this user. API keys only; revokeUserSessions ends it.",
  input: builder.inputType("CreateConnectLinkInput", {
    description: "Whose accounts, and which.",
    fields: (t) => ({
      user: t.field({ type: UserRefInput, required: true, description: "Whose accounts will be connected." }),
      connectorSlugs: t.stringList({ description: "What can be chosen; absent: every connector with an enabled config." }),
      returnUrl: t.field({ type: "URL", description: "Where the page leads back to. Must be one of the project's, exactly." }),
      expiresInSeconds: t.int({
        description: "60 to 604,800; default 600, for a link that is mailed 86,400 is sensible.",
      }),
      locale: t.string({ description: "Language tag (BCP 47) of the page; absent: the user's." }),
    }),
  }),
  payload: builder.objectRef<Awaited<ReturnType<typeof createConnectLink>>>("CreateConnectLinkPayload").implement({
    description: "The new link.",
    fields: (t) => ({
      url: t.expose("url", { type: "URL", description: "This once: for the user, and nobody else." }),
      expiresAt: t.expose("expiresAt", { type: "DateTime", description: "Until when it can be opened." }),
    }),
  }),
  run: createConnectLink,
});

mutation("revokeUserSessions", {
  description: `Ends every session of a user at once, those of hosted links and open sockets included, and every link of createConnectLink. Connection requests that
are open go on, and their own links with them: a new session watches them further, cancelConnectionRequest ends them. API keys only.`,
  input: builder.inputType("RevokeUserSessionsInput", {
    description: "Whose sessions to end.",
    fields: (t) => ({ user: t.field({ type: UserRefInput, required: true, description: "Whose sessions." }) }),
  }),
  payload: builder.objectRef<{ revokedCount: number }>("RevokeUserSessionsPayload").implement({
    description: "How many ended.",
    fields: (t) => ({ revokedCount: t.exposeInt("revokedCount", { description: "Sessions that were open until now." }) }),
  }),
  run: revokeUserSessions,
});
