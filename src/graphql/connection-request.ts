import type { ConnectionRequest, Credential, User } from "../db/generated/client.ts";
import { assertMay } from "../domain/caller.ts";
import { presentRequest, type RequestEvent, requestEvents, requestWhere, visibleRequests } from "../domain/connection-request.ts";
import { type DeviceAuthorization, deviceAuthorizationOf, requestLinks } from "../domain/hosted/request-links.ts";
import { awaitRequest } from "../domain/watch-request.ts";
import type { FailureDetails } from "../lib/failure.ts";
import { decodeId, encodeId } from "../lib/ids.ts";
import { builder, enumType } from "./builder.ts";
import { pageCost, rowPage } from "./connection.ts";
import { badRequest } from "./errors.ts";
import { ConnectionRequestFilterInput } from "./filters.ts";
import {
  AuthConfigType,
  ConnectionRequestConnection,
  ConnectionRequestType,
  ConnectorType,
  CredentialType,
  UserType,
} from "./refs.ts";
import { NEWEST_FIRST } from "./rows.ts";
import { ConnectionStatusEnum, FailureCodeEnum } from "./statuses.ts";

const ConnectionRequestKindEnum = enumType("ConnectionRequestKind", "What a request is for.", {
  CONNECT: "A new credential.",
  REAUTHORIZE: "New tokens for a credential that is there.",
});

const ConnectionFailureType = builder.objectRef<FailureDetails>("ConnectionFailure").implement({
  description: "Why an attempt failed, and what to do about it.",
  fields: (t) => ({
    code: t.field({ type: FailureCodeEnum, description: "For a program: what went wrong.", resolve: ({ code }) => code }),
    message: t.exposeString("message", { description: "For a person: what went wrong, in a sentence." }),
    remedy: t.exposeString("remedy", { description: "For a person: what to do about it." }),
    retryable: t.exposeBoolean("retryable", { description: "True where the same attempt may succeed later without a change." }),
    providerCode: t.exposeString("providerCode", {
      nullable: true,
      description: "The provider's own error code; null: it gave none. Inert text.",
    }),
    providerMessage: t.exposeString("providerMessage", {
      nullable: true,
      description: "What the provider wrote; null: nothing. Inert text: show it as such.",
    }),
  }),
});

const ConnectionEventType = builder.objectRef<RequestEvent>("ConnectionEvent").implement({
  description: "One step of a connection request.",
  fields: (t) => ({
    sequence: t.exposeInt("sequence", { description: "Counts from 1 without gaps." }),
    status: t.field({ type: ConnectionStatusEnum, description: "The status that it brought.", resolve: ({ status }) => status }),
    at: t.expose("at", { type: "DateTime", description: "When." }),
    failure: t.field({
      type: ConnectionFailureType,
      nullable: true,
      description: "Not null exactly when the status is FAILED.",
      resolve: ({ failure }) => failure,
    }),
  }),
});

const DeviceAuthorizationType = builder.objectRef<DeviceAuthorization>("DeviceAuthorization").implement({
  description: "What the user does on another device (RFC 8628 section 3.2).",
  fields: (t) => ({
    userCode: t.exposeString("userCode", { description: "What to type." }),
    verificationUri: t.expose("verificationUri", { type: "URL", description: "Where to type it." }),
    verificationUriComplete: t.expose("verificationUriComplete", {
      type: "URL",
      nullable: true,
      description: "The same with the code in it; null: not offered.",
    }),
    expiresAt: t.expose("expiresAt", { type: "DateTime", description: "Until when the code is good." }),
  }),
});

/** A new connection's credential has its id before it exists for anyone. */
function shownCredential(row: ConnectionRequest & { credential: Credential | null }, now: Date): Credential | null {
  if (!row.credential || row.credential.deletedAt) return null;
  return row.kind === "REAUTHORIZE" || presentRequest(row, now).status === "ACTIVE" ? row.credential : null;
}

builder.prismaObjectFields(ConnectionRequestType, (t) => ({
  id: t.id({ description: "`req_…`", resolve: ({ id }) => encodeId("ConnectionRequest", id) }),
  kind: t.field({
    type: ConnectionRequestKindEnum,
    description: "What it is for.",
    resolve: ({ kind }) => kind as "CONNECT" | "REAUTHORIZE",
  }),
  status: t.field({
    type: ConnectionStatusEnum,
    description: "How far it is.",
    resolve: (row, _args, { caller }) => presentRequest(row, caller.now).status,
  }),
  sequence: t.int({
    description: "The sequence of the latest event; never goes down.",
    resolve: (row, _args, { caller }) => presentRequest(row, caller.now).sequence,
  }),
  user: t.field({
    type: UserType,
    nullable: true,
    description: "Null: the credential will be the project's own.",
    select: (_args, _context, nested) => ({ user: nested(true) }),
    resolve: (row) => {
      const { user } = row as unknown as { user: User | null };
      return user?.deletedAt ? null : user;
    },
  }),
  connector: t.field({
    type: ConnectorType,
    description: "What is being connected.",
    resolve: (row, _args, { loaders }) => loaders.connectors.load(row.connectorSlug),
  }),
  authConfig: t.relation("authConfig", { type: AuthConfigType, description: "How it is being connected." }),
  authorizationUrl: t.field({
    type: "URL",
    nullable: true,
    description:
      "A Moorline URL that sends the browser on to the provider. Null for schemes without a redirect, once it is of no more use, and for all but the request's own user and keys that may initiate.",
    resolve: (row, _args, context) => requestLinks(context, row).authorizationUrl,
  }),
  connectUrl: t.field({
    type: "URL",
    nullable: true,
    description:
      "The hosted page that does it all: forms, consent, result. Null once it is of no more use, and for all but the request's own user and keys that may initiate.",
    resolve: (row, _args, context) => requestLinks(context, row).connectUrl,
  }),
  deviceAuthorization: t.field({
    type: DeviceAuthorizationType,
    nullable: true,
    description:
      "Device flow (RFC 8628): what the user types, and where. Null for the other flows, once it is of no more use, and for all but the request's own user and keys that may initiate.",
    resolve: (row, _args, context) => deviceAuthorizationOf(context, row),
  }),
  returnUrl: t.expose("returnUrl", {
    type: "URL",
    nullable: true,
    description: "Where the browser is sent at the end; null: our own page says how it went.",
  }),
  requestedScopes: t.exposeStringList("requestedScopes", { description: "What the provider is asked for." }),
  credential: t.field({
    type: CredentialType,
    nullable: true,
    description:
      "Null until ACTIVE for a new connection; set from the start for a re-authorization, whose credential changes only if this request becomes ACTIVE.",
    select: (_args, _context, nested) => ({ credential: nested(true) }),
    resolve: (row, _args, { caller }) =>
      shownCredential(row as unknown as ConnectionRequest & { credential: Credential | null }, caller.now),
  }),
  failure: t.field({
    type: ConnectionFailureType,
    nullable: true,
    description: "Not null exactly when the status is FAILED.",
    resolve: (row, _args, { caller }) => presentRequest(row, caller.now).failure,
  }),
  events: t.field({
    type: [ConnectionEventType],
    description: "Every step so far, oldest first.",
    args: { after: t.arg.int({ description: "Only what follows this sequence." }) },
    complexity: { field: 5, multiplier: 5 },
    resolve: (row, { after }, context) => requestEvents(context, row, after),
  }),
  retriedBy: t.relation("retriedBy", {
    type: ConnectionRequestType,
    nullable: true,
    description:
      "The user tried again: the request that followed this one. Set after the end, and then sent once more (see `connectionRequestUpdated`). Null: nobody has.",
  }),
  createdAt: t.expose("createdAt", { type: "DateTime", description: "When it was made." }),
  updatedAt: t.expose("updatedAt", { type: "DateTime", description: "When it last changed." }),
  expiresAt: t.expose("expiresAt", { type: "DateTime", description: "When it becomes EXPIRED unless it has ended before." }),
}));

const MAX_WAIT_SECONDS = 60;

builder.queryFields((t) => ({
  connectionRequests: t.connection(
    {
      type: ConnectionRequestType,
      nullable: true,
      description: "Connection requests, newest first; a session sees its user's own.",
      args: { filter: t.arg({ type: ConnectionRequestFilterInput, description: "Which requests; absent: all." }) },
      complexity: pageCost,
      resolve: (_root, args, context, info) => {
        assertMay(context, "CREDENTIAL_READ");
        return rowPage(context, info, {
          args,
          model: "ConnectionRequest",
          order: NEWEST_FIRST,
          where: requestWhere(context, args.filter),
        });
      },
    },
    ConnectionRequestConnection,
  ),
  connectionRequest: t.prismaField({
    type: ConnectionRequestType,
    nullable: true,
    description: "One connection request by its id. Null where there is none, or none for the caller.",
    args: {
      id: t.arg.id({ required: true, description: "`req_…`" }),
      waitSeconds: t.arg.int({
        description: "`waitSeconds` (at most 60): answers when the request ends, or then; for back ends without a socket.",
      }),
    },
    complexity: { field: 1, multiplier: 1 },
    resolve: async (query, _root, { id, waitSeconds }, context) => {
      if (waitSeconds != null && (waitSeconds < 0 || waitSeconds > MAX_WAIT_SECONDS))
        throw badRequest(`\`waitSeconds\` must be from 0 to ${MAX_WAIT_SECONDS}.`);
      assertMay(context, "CREDENTIAL_READ");
      const waited = waitSeconds ? await awaitRequest(context, id, waitSeconds) : null;
      const uuid = decodeId("ConnectionRequest", id);
      if (!uuid) return null;
      const row = await context.services.database.prisma.connectionRequest.findFirst({
        ...query,
        where: { AND: [visibleRequests(context), { id: uuid }] },
      });
      // What hangs on it is read at its end; what the clock has decided meanwhile stands in the row that was awaited.
      return row && { ...row, ...waited };
    },
  }),
}));
