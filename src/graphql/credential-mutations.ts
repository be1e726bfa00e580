import type { Credential } from "../db/generated/client.ts";
import { setCredentialEnabled } from "../domain/credential.ts";
import { refreshCredential } from "../domain/refresh/refresh-credential.ts";
import { type RevokedToken, revokeCredential } from "../domain/revoke-credential.ts";
import { updateCredential } from "../domain/update-credential.ts";
import { type RevealedCredential, revealCredential } from "../domain/use/reveal-credential.ts";
import { testCredential } from "../domain/use/test-credential.ts";
import { CredentialNotUsableError, ProviderError, TestFailedError, type TestResult } from "../lib/errors.ts";
import { builder, enumType } from "./builder.ts";
import { mutation } from "./mutation.ts";
import { CredentialType } from "./refs.ts";
import { TestResultType } from "./test-result.ts";
import { UserRefInput } from "./user-ref.ts";

const RevocationOutcomeEnum = enumType("RevocationOutcome", "What became of a token at the provider.", {
  REVOKED: "It is revoked there, too.",
  PENDING: "The provider could not be had yet. It is asked again for at most a day, and the history tells how that ended.",
  UNSUPPORTED:
    "The provider has no way, or none that spares another credential of the same account: it is destroyed here and runs out there.",
  FAILED: "The provider refused, or could not be had within a day: it is destroyed here and runs out there.",
});

const TokenRevocationType = builder.objectRef<RevokedToken>("TokenRevocation").implement({
  description: "What the provider said of one token.",
  fields: (t) => ({
    kind: t.exposeString("kind", { description: "`access_token` or `refresh_token`." }),
    outcome: t.field({ type: RevocationOutcomeEnum, description: "What became of it.", resolve: ({ outcome }) => outcome }),
    message: t.exposeString("message", { nullable: true, description: "More for a person; null: nothing to add." }),
  }),
});

const RevealedCredentialType = builder.objectRef<RevealedCredential>("RevealedCredential").implement({
  description: "Only for API keys with the permission; each call is one audit event.",
  fields: (t) => ({
    accessToken: t.exposeString("accessToken", { nullable: true, description: "OAuth and bearer schemes." }),
    tokenType: t.exposeString("tokenType", {
      nullable: true,
      description: "As the provider named it, usually `Bearer`; null for schemes without tokens.",
    }),
    fields: t.field({
      type: "JSON",
      description: "The secret fields by their FieldSpec name.",
      resolve: (revealed) => revealed.fields,
    }),
    headers: t.field({
      type: "JSON",
      description: "Ready to send: what the connector's scheme makes of it, name to value.",
      resolve: (revealed) => revealed.headers,
    }),
    query: t.field({
      type: "JSON",
      description: "Query parameters to send, name to value; mostly empty.",
      resolve: (revealed) => revealed.query,
    }),
    expiresAt: t.expose("expiresAt", {
      type: "DateTime",
      nullable: true,
      description: "When the access token runs out; null: it does not, or the provider did not say.",
    }),
  }),
});

export const credentialPayload = (name: string) =>
  builder.objectRef<{ credential: Credential }>(name).implement({
    description: "The credential as it now is.",
    fields: (t) => ({
      credential: t.field({ type: CredentialType, description: "The credential.", resolve: ({ credential }) => credential }),
    }),
  });

const idInput = (name: string, description: string) =>
  builder.inputType(name, { description, fields: (t) => ({ id: t.id({ required: true, description: "`cred_…`" }) }) });

mutation("updateCredential", {
  description: "Rotates a static secret, changes the label.",
  input: builder.inputType("UpdateCredentialInput", {
    description: "Absent: unchanged; null: cleared.",
    fields: (t) => ({
      id: t.id({ required: true, description: "`cred_…`" }),
      version: t.int({ description: "As read: where it has moved on, nothing is changed and the answer is STALE_VERSION." }),
      label: t.string({ description: "For this account; at most 200 characters." }),
      fields: t.field({
        type: "JSON",
        description:
          "New values of what was typed: an object that merges by key (absent: unchanged; null: cleared). An OAuth credential has none: use reauthorizeCredential.",
      }),
      test: t.boolean({ description: "True: call the third party first and save nothing where that fails." }),
    }),
  }),
  payload: credentialPayload("UpdateCredentialPayload"),
  errors: [CredentialNotUsableError, ProviderError, TestFailedError],
  run: updateCredential,
});

mutation("refreshCredential", {
  description:
    "Obtains new tokens now, whether or not it is time. What the provider refuses for good makes the credential INVALID.",
  input: idInput("RefreshCredentialInput", "Which credential to refresh."),
  payload: credentialPayload("RefreshCredentialPayload"),
  errors: [CredentialNotUsableError, ProviderError],
  run: refreshCredential,
});

mutation("testCredential", {
  description: "Makes one harmless call to the third party with the credential, refreshed first where that is due.",
  input: idInput("TestCredentialInput", "Which credential to test."),
  payload: builder.objectRef<{ credential: Credential; result: TestResult }>("TestCredentialPayload").implement({
    description: "How the test ended; a failed test is an answer, no error.",
    fields: (t) => ({
      credential: t.field({
        type: CredentialType,
        description: "The credential as it now is.",
        resolve: ({ credential }) => credential,
      }),
      result: t.field({ type: TestResultType, description: "How it ended.", resolve: ({ result }) => result }),
    }),
  }),
  errors: [CredentialNotUsableError, ProviderError],
  run: testCredential,
});

mutation("setCredentialEnabled", {
  description: "A switch over the stored health: off, it is used for nothing; on again, it shows what is true.",
  input: builder.inputType("SetCredentialEnabledInput", {
    description: "Which credential, and which way.",
    fields: (t) => ({
      id: t.id({ required: true, description: "`cred_…`" }),
      enabled: t.boolean({ required: true, description: "True: on." }),
    }),
  }),
  payload: credentialPayload("SetCredentialEnabledPayload"),
  run: setCredentialEnabled,
});

mutation("revokeCredential", {
  description:
    "What the provider said of each token stands in the payload, and later in the history. The secrets are destroyed; this is final.",
  input: idInput("RevokeCredentialInput", "Which credential to end."),
  payload: builder.objectRef<{ credential: Credential; tokens: RevokedToken[] }>("RevokeCredentialPayload").implement({
    description: "The ended credential, and what the provider said.",
    fields: (t) => ({
      credential: t.field({
        type: CredentialType,
        description: "The credential, REVOKED.",
        resolve: ({ credential }) => credential,
      }),
      tokens: t.field({
        type: [TokenRevocationType],
        description: "One for each token that there was.",
        resolve: ({ tokens }) => tokens,
      }),
    }),
  }),
  errors: [ProviderError],
  run: revokeCredential,
});

const CredentialMatchInput = builder.inputType("CredentialMatch", {
  description: "Finds a credential by whose and what it is.",
  fields: (t) => ({
    user: t.field({ type: UserRefInput, description: "Whose account it is." }),
    projectOwned: t.boolean({ description: "The project's own." }),
    connectorSlug: t.string({ required: true, description: "With this connector." }),
    authConfigId: t.id({ description: "Of this auth config; absent: of any." }),
  }),
});

mutation("revealCredential", {
  description:
    "Refreshes first where fewer than `minTtlSeconds` remain. One round trip for a back end that knows user and connector. The audit event is committed before the secret leaves.",
  input: builder.inputType("RevealCredentialInput", {
    description: "Either `id`, or `match`, which must fit exactly one usable credential (else AMBIGUOUS_CREDENTIAL).",
    fields: (t) => ({
      id: t.id({ description: "`cred_…`" }),
      match: t.field({ type: CredentialMatchInput, description: "Whose, and with what." }),
      minTtlSeconds: t.int({ description: "Default 60." }),
      reason: t.string({ description: "Kept in the audit log." }),
    }),
  }),
  payload: builder.objectRef<{ credential: Credential; revealed: RevealedCredential }>("RevealCredentialPayload").implement({
    description: "The secret, and whose it is.",
    fields: (t) => ({
      credential: t.field({ type: CredentialType, description: "The credential.", resolve: ({ credential }) => credential }),
      revealed: t.field({ type: RevealedCredentialType, description: "Its secrets.", resolve: ({ revealed }) => revealed }),
    }),
  }),
  errors: [CredentialNotUsableError, ProviderError],
  run: revealCredential,
});
