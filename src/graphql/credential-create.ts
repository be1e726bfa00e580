/** Credentials that come to be without a browser: typed, tried, or brought along. */
import { createCredential } from "../domain/create-credential.ts";
import { importCredential } from "../domain/import-credential.ts";
import { tryCredential } from "../domain/try-credential.ts";
import { ProviderError, TestFailedError, type TestResult } from "../lib/errors.ts";
import { builder } from "./builder.ts";
import { ConnectTargetInput } from "./connect-target.ts";
import { credentialPayload } from "./credential-mutations.ts";
import { mutation } from "./mutation.ts";
import { TestResultType } from "./test-result.ts";
import { UserRefInput } from "./user-ref.ts";

const TEXTS = {
  target: "What it is to be a credential of.",
  user: "Back ends name the user; a user session is its own user and leaves it out.",
  projectOwned: "Back ends only: the account is the project's own, nobody's in particular. Exactly one of `user` and this.",
  label: "For this account, where one user has several; at most 200 characters.",
  test: "True: call the third party first and save nothing where that fails.",
  idempotencyKey: "Repeats within a day give the same credential.",
};

mutation("createCredential", {
  description:
    "Schemes without a redirect: API key, basic, bearer, native, none. The values are checked before anything is saved; the secret ones are stored sealed.",
  input: builder.inputType("CreateCredentialInput", {
    description: "What a user typed, and whose account it is.",
    fields: (t) => ({
      target: t.field({ type: ConnectTargetInput, required: true, description: TEXTS.target }),
      user: t.field({ type: UserRefInput, description: TEXTS.user }),
      projectOwned: t.boolean({ description: TEXTS.projectOwned }),
      fields: t.field({
        type: "JSON",
        required: true,
        description: "Values of the config's `credentialFields`, checked against the scheme's `credentialSchema`.",
      }),
      label: t.string({ description: TEXTS.label }),
      test: t.boolean({ description: TEXTS.test }),
      idempotencyKey: t.string({ description: TEXTS.idempotencyKey }),
    }),
  }),
  payload: credentialPayload("CreateCredentialPayload"),
  errors: [TestFailedError, ProviderError],
  run: createCredential,
});

mutation("tryCredential", {
  description: "Tests without saving: a new one, or changes to a saved one (`credentialId`: unset secrets come from it).",
  input: builder.inputType("TryCredentialInput", {
    description: "What to try: exactly one of `target` and `credentialId`.",
    fields: (t) => ({
      target: t.field({ type: ConnectTargetInput, description: TEXTS.target }),
      user: t.field({ type: UserRefInput, description: "Whose account it would be; it makes no difference to the test." }),
      credentialId: t.id({ description: "`cred_…`: what `fields` leaves out comes from it." }),
      fields: t.field({
        type: "JSON",
        required: true,
        description:
          "Values of the config's `credentialFields`; with `credentialId` the changed ones, null for one that is cleared.",
      }),
    }),
  }),
  payload: builder.objectRef<{ result: TestResult }>("TryCredentialPayload").implement({
    description: "How the test ended; a failed test is an answer, no error.",
    fields: (t) => ({
      result: t.field({ type: TestResultType, description: "How it ended.", resolve: ({ result }) => result }),
    }),
  }),
  run: tryCredential,
});

mutation("importCredential", {
  description: "Tokens obtained elsewhere, or typed values as `createCredential` takes them. API keys only.",
  input: builder.inputType("ImportCredentialInput", {
    description: "API keys only. A token of another client than the config's (`clientId`) can be used but not refreshed.",
    fields: (t) => ({
      target: t.field({ type: ConnectTargetInput, required: true, description: TEXTS.target }),
      user: t.field({ type: UserRefInput, description: "Whose account it is." }),
      projectOwned: t.boolean({ description: TEXTS.projectOwned }),
      clientId: t.string({ description: "The OAuth client that obtained the tokens; absent: the config's." }),
      label: t.string({ description: TEXTS.label }),
      fields: t.field({
        type: "JSON",
        required: true,
        description:
          "OAuth2: accessToken, refreshToken, expiresAt (ISO 8601), scope, idToken, and the connection's own values (a subdomain, say). OAuth 1.0a: accessToken, tokenSecret. Other schemes: as createCredential.",
      }),
      test: t.boolean({ description: TEXTS.test }),
      idempotencyKey: t.string({ description: TEXTS.idempotencyKey }),
    }),
  }),
  payload: credentialPayload("ImportCredentialPayload"),
  errors: [TestFailedError, ProviderError],
  run: importCredential,
});
