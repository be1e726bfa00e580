import { type CredentialChangeMessage, watchCredentials } from "../domain/watch-credentials.ts";
import { watchRequest, watchRequests } from "../domain/watch-request.ts";
import { builder, enumType } from "./builder.ts";
import { ConnectionRequestFilterInput, CredentialFilterInput } from "./filters.ts";
import { ConnectionRequestType, CredentialType } from "./refs.ts";

const ChangeKindEnum = enumType("ChangeKind", "What became of an object.", {
  CREATED: "It is new.",
  UPDATED: "It has changed.",
  DELETED: "It is gone: see `deletedId`.",
});

const CredentialChangeType = builder.objectRef<CredentialChangeMessage>("CredentialChange").implement({
  description: "One change of one credential.",
  fields: (t) => ({
    kind: t.field({ type: ChangeKindEnum, description: "What became of it.", resolve: ({ kind }) => kind }),
    credential: t.field({
      type: CredentialType,
      nullable: true,
      description: "The credential in its present state; null where it is gone.",
      resolve: ({ credential }) => credential,
    }),
    deletedId: t.exposeID("deletedId", { nullable: true, description: "The id that it had; null unless it is gone." }),
    sequence: t.exposeInt("sequence", {
      description:
        "Of the event in the credential's `history`, and of the webhooks that tell of it: what was seen already has it too.",
    }),
    cursor: t.exposeString("cursor", { description: "Pass it as `after` to go on from here." }),
  }),
});

// The HTTP face gives every message a context of its own, with the caller as of then.
builder.subscriptionFields((t) => ({
  connectionRequestUpdated: t.field({
    type: ConnectionRequestType,
    description: `The request now, then after every change, until it ends (ACTIVE, FAILED, DENIED, CANCELED, EXPIRED): then the stream completes.
Every message carries the present state, so a cache never goes backwards; steps in between are in \`events(after:)\`. \`after\`: a
sequence already seen, so that nothing is sent unless there is more. An id that the caller may not see ends the subscription with NOT_FOUND.

A user may try again on the hosted page after the request has ended: the new request is its \`retriedBy\`. Whoever subscribes to the ended one then gets it
with \`retriedBy\` at once, \`connectionRequestsUpdated\` sends both, and \`followRetries\` goes on by itself.`,
    args: {
      id: t.arg.id({ required: true, description: "`req_…`" }),
      after: t.arg.int({ description: "A sequence already seen, so that nothing is sent unless there is more." }),
      followRetries: t.arg.boolean({
        description:
          "True: after an end other than ACTIVE the stream stays open for 15 minutes. If the user tries again, the ended request comes once more, with `retriedBy`, and then everything of the new one, whose `id` is another and whose `sequence` begins at 1.",
      }),
    },
    subscribe: (_root, { id, after, followRetries }, context) => watchRequest(context, id, after, followRetries ?? false),
    resolve: (row) => row,
  }),
  connectionRequestsUpdated: t.field({
    type: ConnectionRequestType,
    description: "The same for many: a dashboard, or all of a user's. Does not complete.",
    args: {
      filter: t.arg({ type: ConnectionRequestFilterInput, description: "Which requests; absent: all that the caller may see." }),
    },
    subscribe: (_root, { filter }, context) => watchRequests(context, filter),
    resolve: (row) => row,
  }),
  credentialChanged: t.field({
    type: CredentialChangeType,
    description: `Every credential the caller may see. The filter is held against the state before or after the change; \`after\` takes a \`cursor\` and misses nothing.
Changes are kept for 30 days. An older \`cursor\` that would miss some ends the subscription with BAD_REQUEST: subscribe
without \`after\`, then read the list of credentials.`,
    args: {
      filter: t.arg({ type: CredentialFilterInput, description: "Which credentials; absent: all." }),
      after: t.arg.string({ description: "The `cursor` of the last change seen; absent: from now on." }),
    },
    subscribe: (_root, { filter, after }, context) => watchCredentials(context, filter, after),
    resolve: (change) => change,
  }),
}));
