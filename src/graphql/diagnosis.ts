import type { AuthConfig } from "../db/generated/client.ts";
import { diagnoseAuthConfig } from "../domain/diagnosis/diagnose-auth-config.ts";
import type { Diagnosis } from "../domain/diagnosis/diagnosis.ts";
import { validateConnector } from "../domain/diagnosis/validate-connector.ts";
import type { Check } from "../schemes/check.ts";
import { CreateAuthConfigInput, UpdateAuthConfigInput } from "./auth-config-mutations.ts";
import { builder, enumType } from "./builder.ts";
import { CreateConnectorInput } from "./connector-mutations.ts";
import { mutation } from "./mutation.ts";
import { AuthConfigType } from "./refs.ts";

const CheckOutcomeEnum = enumType("CheckOutcome", "How one check ended.", {
  PASSED: "It is as it should be.",
  FAILED: "Connections will not work until it is mended.",
  WARNING: "It may work, and somebody should look.",
  SKIPPED: "There is nothing to look at, or the provider gives no way to know: `message` says which.",
});

const DiagnosticCheckType = builder.objectRef<Check>("DiagnosticCheck").implement({
  description: "One thing about a configuration that was looked at without a user.",
  fields: (t) => ({
    name: t.exposeString("name", {
      description:
        "For a program: for example TOKEN_ENDPOINT_REACHABLE, CLIENT_AUTHENTICATED, REDIRECT_URI_REGISTERED, SCOPES_KNOWN, TLS_VALID. Open: show those that you do not know.",
    }),
    outcome: t.field({ type: CheckOutcomeEnum, description: "How it ended.", resolve: ({ outcome }) => outcome }),
    message: t.exposeString("message", { description: "For a person: what was found." }),
    remedy: t.exposeString("remedy", { nullable: true, description: "For a person: what to do; null: nothing." }),
  }),
});

const DiagnosisType = builder.objectRef<Diagnosis>("Diagnosis").implement({
  description: "A dry run of the whole configuration, one row per check.",
  fields: (t) => ({
    ok: t.exposeBoolean("ok", { description: "True where no check has failed." }),
    checks: t.field({
      type: [DiagnosticCheckType],
      description: "In the order in which they build on one another.",
      resolve: ({ checks }) => checks,
    }),
  }),
});

mutation("diagnoseAuthConfig", {
  description:
    "Looks at everything that can be told of a configuration without a user: addresses, TLS, published metadata, client id and secret, redirect URI, scopes, clock. Takes up to 20 seconds and makes some twenty requests to the provider, with the client's secret among them; nothing is changed.",
  input: builder.inputType("DiagnoseAuthConfigInput", {
    isOneOf: true,
    description: "What to look at; exactly one member.",
    fields: (t) => ({
      id: t.id({ description: "An auth config, `ac_…`." }),
      draft: t.field({ type: CreateAuthConfigInput, description: "One that is not saved yet, as it would be created." }),
      change: t.field({
        type: UpdateAuthConfigInput,
        description:
          "A saved one, as it would be after this update: secrets that are left out are the stored ones. Nothing is saved, and `confirm` is not needed.",
      }),
    }),
  }),
  payload: builder.objectRef<{ authConfig: AuthConfig | null; diagnosis: Diagnosis }>("DiagnoseAuthConfigPayload").implement({
    description: "What was found.",
    fields: (t) => ({
      authConfig: t.field({
        type: AuthConfigType,
        nullable: true,
        description: "The auth config as it is saved; null for a draft.",
        resolve: ({ authConfig }) => authConfig,
      }),
      diagnosis: t.field({ type: DiagnosisType, description: "The checks.", resolve: ({ diagnosis }) => diagnosis }),
    }),
  }),
  run: diagnoseAuthConfig,
});

mutation("validateConnector", {
  description:
    "Before saving: looks at a connector's endpoints, its issuer's metadata and a client of it, as diagnoseAuthConfig does. With `fields` its verification call is really made. Nothing is saved.",
  input: builder.inputType("ValidateConnectorInput", {
    description: "A connector of the project's own, and what to try it with.",
    fields: (t) => ({
      connector: t.field({ type: CreateConnectorInput, required: true, description: "As it would be created." }),
      clientId: t.string({ description: "OAuth: a client to prove; absent: the client is not looked at." }),
      clientSecret: t.string({ description: "OAuth: its secret. Not stored." }),
      fields: t.field({
        type: "JSON",
        description: "Other schemes: a user's values, to make the verification call with. Not stored.",
      }),
    }),
  }),
  payload: builder.objectRef<{ diagnosis: Diagnosis }>("ValidateConnectorPayload").implement({
    description: "What was found.",
    fields: (t) => ({
      diagnosis: t.field({ type: DiagnosisType, description: "The checks.", resolve: ({ diagnosis }) => diagnosis }),
    }),
  }),
  run: validateConnector,
});
