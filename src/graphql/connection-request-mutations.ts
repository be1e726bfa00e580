import type { ConnectionRequest } from "../db/generated/client.ts";
import { cancelConnectionRequest } from "../domain/connection-request.ts";
import { confirmConnection } from "../domain/hosted/person.ts";
import { type SubmittedForm, submitConnectionForm } from "../domain/hosted/submit-form.ts";
import { initiateConnection, reauthorizeCredential } from "../domain/initiate-connection.ts";
import { retryConnectionRequest } from "../domain/retry-request.ts";
import { CredentialNotUsableError, ProviderError, TestFailedError } from "../lib/errors.ts";
import { builder, enumType } from "./builder.ts";
import { ConnectTargetInput } from "./connect-target.ts";
import { mutation } from "./mutation.ts";
import { ConnectionRequestType } from "./refs.ts";
import { ConnectionFlowEnum } from "./statuses.ts";
import { UserRefInput } from "./user-ref.ts";

const ConnectionDisplayEnum = enumType("ConnectionDisplay", "How the browser gets to the provider.", {
  REDIRECT: "The page itself goes there and comes back.",
  POPUP: "A window of its own, which posts the result to `origin` and closes.",
});

const ExistingAccountPolicyEnum = enumType(
  "ExistingAccountPolicy",
  "What to do if this provider account is connected for this user already.",
  {
    UPDATE: "The same credential id gets the new tokens.",
    CREATE: "A second credential for the same account.",
    REFUSE: "The request fails.",
  },
);

const requestPayload = (name: string, description: string) =>
  builder.objectRef<{ connectionRequest: ConnectionRequest }>(name).implement({
    description,
    fields: (t) => ({
      connectionRequest: t.field({
        type: ConnectionRequestType,
        description: "The connection request.",
        resolve: ({ connectionRequest }) => connectionRequest,
      }),
    }),
  });

const TEXTS = {
  returnUrl: "Must be one of the project's, exactly.",
  origin: "Which of the project's origins may hear of the result.",
  clientState: "Handed back at the end with the result; at most 1,000 characters.",
  display: "Absent: REDIRECT.",
  flow: "One of the config's flows; absent: AUTHORIZATION_CODE.",
  locale: "Language tag (BCP 47) of the hosted page; absent: the user's.",
  idempotencyKey: "Repeats within a day give the same request.",
};

mutation("initiateConnection", {
  description:
    "Begins to connect an account: open the answer's `authorizationUrl` or `connectUrl` in the user's browser, and watch `connectionRequestUpdated`.",
  input: builder.inputType("InitiateConnectionInput", {
    description: `At the end the browser is sent to \`returnUrl\` with \`connectionRequestId\`, \`status\` and \`clientState\` appended. A popup also posts
\`{ type: "moorline:connection", version: 1, connectionRequestId, status }\` to \`origin\`. Both are hints: the API is the truth. A provider's
Cross-Origin-Opener-Policy can cut the opener off and make \`popup.closed\` read true, so no client gives up on that alone.`,
    fields: (t) => ({
      target: t.field({ type: ConnectTargetInput, required: true, description: "What to connect." }),
      user: t.field({
        type: UserRefInput,
        description: "Back ends name the user; a user session is its own user and leaves it out.",
      }),
      projectOwned: t.boolean({
        description: "Back ends only: the account is the project's own, nobody's in particular. Exactly one of `user` and this.",
      }),
      expiresInSeconds: t.int({
        description:
          "How long the request may wait: 60 to 604,800; default 600, for a link that is mailed 86,400 is sensible. With the session of a link no longer than that session, or ten minutes.",
      }),
      returnUrl: t.field({ type: "URL", description: TEXTS.returnUrl }),
      origin: t.field({ type: "Origin", description: TEXTS.origin }),
      clientState: t.string({ description: TEXTS.clientState }),
      display: t.field({ type: ConnectionDisplayEnum, description: TEXTS.display }),
      scopes: t.stringList({ description: "Added to the config's." }),
      parameters: t.field({ type: "JSON", description: "Values of the config's `initiationFields`." }),
      label: t.string({ description: "For this account, where one user has several." }),
      ifAccountExists: t.field({
        type: ExistingAccountPolicyEnum,
        description:
          "What to do if this provider account is connected for this user already. Default UPDATE: the same credential id gets the new tokens.",
      }),
      flow: t.field({ type: ConnectionFlowEnum, description: TEXTS.flow }),
      locale: t.string({ description: TEXTS.locale }),
      idempotencyKey: t.string({ description: TEXTS.idempotencyKey }),
    }),
  }),
  payload: requestPayload("InitiateConnectionPayload", "The request that was made."),
  run: initiateConnection,
});

mutation("cancelConnectionRequest", {
  description: "Ends a request that is under way: its links lead nowhere from now on.",
  input: builder.inputType("CancelConnectionRequestInput", {
    description: "Which request to end.",
    fields: (t) => ({ id: t.id({ required: true, description: "`req_…`" }) }),
  }),
  payload: requestPayload("CancelConnectionRequestPayload", "The request as it now is."),
  run: cancelConnectionRequest,
});

mutation("submitConnectionForm", {
  description:
    "Finishes a request for something that is typed (API key, database, …) with the values of the config's `credentialFields`, as the hosted page's form does: they are tested first where the connector has a test. Whatever is wrong with them leaves the request open.",
  input: builder.inputType("SubmitConnectionFormInput", {
    description: "What was typed, and for which request.",
    fields: (t) => ({
      id: t.id({ required: true, description: "`req_…`" }),
      fields: t.field({
        type: "JSON",
        required: true,
        description: "Values of the config's `credentialFields`, checked against the scheme's `credentialSchema`.",
      }),
    }),
  }),
  payload: builder.objectRef<SubmittedForm>("SubmitConnectionFormPayload").implement({
    description: "The request as it now is.",
    fields: (t) => ({
      connectionRequest: t.field({
        type: ConnectionRequestType,
        description: "ACTIVE; or VERIFYING, where the product is asked first.",
        resolve: ({ connectionRequest }) => connectionRequest,
      }),
      verificationUrl: t.field({
        type: "URL",
        nullable: true,
        description:
          "Send the browser there: the product says who is at it (see Project.verifyUrl), and only then is anything stored. Null: it is done.",
        resolve: ({ verificationUrl }) => verificationUrl,
      }),
    }),
  }),
  errors: [TestFailedError, ProviderError],
  run: submitConnectionForm,
});

mutation("retryConnectionRequest", {
  description:
    "The same once more, for a request that ended with FAILED, DENIED, CANCELED or EXPIRED: a new one, which the old one's `retriedBy` names from then on. Whoever asks again for the same request gets the same; at most 10 follow one another.",
  input: builder.inputType("RetryConnectionRequestInput", {
    description: "Which request to try again.",
    fields: (t) => ({ id: t.id({ required: true, description: "`req_…`" }) }),
  }),
  payload: requestPayload("RetryConnectionRequestPayload", "The request that follows."),
  errors: [ProviderError],
  run: retryConnectionRequest,
});

mutation("confirmConnection", {
  description:
    "API keys only; see Project.verifyUrl. Says who is at the browser: only if it is the request's user is the code redeemed.",
  input: builder.inputType("ConfirmConnectionInput", {
    description: "Who came back to the product.",
    fields: (t) => ({
      verification: t.string({
        required: true,
        description: "As the browser brought it to the verify URL; good once, for 5 minutes.",
      }),
      user: t.field({ type: UserRefInput, required: true, description: "Who is signed in there." }),
    }),
  }),
  payload: requestPayload("ConfirmConnectionPayload", "The request as it now is."),
  run: confirmConnection,
});

mutation("reauthorizeCredential", {
  description:
    "A ConnectionRequest on the same credential id, with more scopes if asked; for a static scheme it has a `connectUrl` alone.",
  input: builder.inputType("ReauthorizeCredentialInput", {
    description: "Which credential to authorize again, and how. The present one stays as it is until the request becomes ACTIVE.",
    fields: (t) => ({
      id: t.id({ required: true, description: "`cred_…`" }),
      scopes: t.stringList({ description: "Added to those requested before; absent: ask again for the same." }),
      allowUnverifiedAccount: t.boolean({
        description:
          "API keys only: goes on although the provider does not tell whose account it is (else ACCOUNT_UNVERIFIABLE).",
      }),
      parameters: t.field({ type: "JSON", description: "Values of the config's `initiationFields`; absent: those of before." }),
      returnUrl: t.field({ type: "URL", description: TEXTS.returnUrl }),
      origin: t.field({ type: "Origin", description: TEXTS.origin }),
      clientState: t.string({ description: TEXTS.clientState }),
      display: t.field({ type: ConnectionDisplayEnum, description: TEXTS.display }),
      flow: t.field({ type: ConnectionFlowEnum, description: TEXTS.flow }),
      locale: t.string({ description: TEXTS.locale }),
      idempotencyKey: t.string({ description: TEXTS.idempotencyKey }),
    }),
  }),
  payload: requestPayload("ReauthorizeCredentialPayload", "The request that was made."),
  errors: [CredentialNotUsableError, ProviderError],
  run: reauthorizeCredential,
});
