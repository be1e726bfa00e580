/** How a connector authenticates, and the fields of its forms. */
import { fieldsToJsonSchema } from "../catalogue/field-schema.ts";
import { fieldsFor } from "../catalogue/fields.ts";
import type { FieldCondition, FieldDefinition, FieldOption, SchemeDefinition, ScopeDefinition } from "../catalogue/types.ts";
import { isTestable } from "../domain/ask-third-party.ts";
import { canRegister } from "../domain/auth-config-plan.ts";
import { flowsOf, hasClient, needsSecret } from "../domain/auth-config-rules.ts";
import type { ConnectorView } from "../domain/connector.ts";
import { builder, enumType } from "./builder.ts";
import { ConnectionFlowEnum } from "./statuses.ts";

export const SchemeTypeEnum = enumType("SchemeType", "The kinds of authentication. Open: keep a default branch.", {
  OAUTH2: "OAuth 2.0 authorization code or device flow (RFC 6749, RFC 8628): a user consents.",
  OAUTH2_CLIENT_CREDENTIALS: "OAuth 2.0 client credentials (RFC 6749 section 4.4): no user is involved.",
  OAUTH1: "OAuth 1.0a (RFC 5849).",
  OAUTH1_TOKENS: "OAuth 1.0a with a token that was made in the provider's product: no user is sent there.",
  API_KEY: "A key in a header, query parameter or cookie.",
  BEARER_TOKEN: "A fixed token (RFC 6750).",
  BASIC: "User name and password (RFC 7617).",
  SIGNED_JWT: "A token that is signed here (RFC 7523).",
  TWO_STEP: "A secret that is exchanged for a short-lived token.",
  AWS_SIGV4: "AWS Signature Version 4.",
  APP_INSTALLATION: "An app that is installed at the provider.",
  NATIVE: "The protocol's own login: a database, a broker.",
  NONE: "No authentication.",
});

const FieldTypeEnum = enumType(
  "FieldType",
  "What a field holds. FILE: the content inside `fields`, UTF-8 text or a base64 data URL, at most 64 KiB. Open: keep a default branch and show a text field.",
  {
    STRING: "A text.",
    INTEGER: "A whole number.",
    BOOLEAN: "True or false.",
    ENUM: "One of `options`.",
    URL: "An absolute URL.",
    HOST: "A host name.",
    JSON: "Any JSON value.",
    FILE: "A file's content: UTF-8 text or a base64 data URL, at most 64 KiB.",
  },
);

const FieldOptionType = builder.objectRef<FieldOption>("FieldOption").implement({
  description: "One choice of an ENUM field.",
  fields: (t) => ({
    value: t.exposeString("value", { description: "What is sent." }),
    label: t.exposeString("label", { description: "What is shown." }),
    description: t.exposeString("description", {
      nullable: true,
      description: "What choosing it means; null: the label says it.",
    }),
  }),
});

const FieldConditionType = builder.objectRef<FieldCondition>("FieldCondition").implement({
  description: "Holds while another field has one of some values.",
  fields: (t) => ({
    field: t.exposeString("field", { description: "The other field's name." }),
    in: t.field({ type: ["JSON"], description: "The values with which it holds.", resolve: (condition) => condition.in }),
  }),
});

export const FieldSpecType = builder.objectRef<FieldDefinition>("FieldSpec").implement({
  description: "One value that somebody supplies: everything needed to draw the field and check it.",
  fields: (t) => ({
    name: t.exposeString("name", { description: "Key of the value in `fields` or `parameters`." }),
    label: t.exposeString("label", { description: "What to show beside the field." }),
    description: t.exposeString("description", { nullable: true, description: "What to say below the field; null: nothing." }),
    helpUrl: t.expose("helpUrl", {
      type: "URL",
      nullable: true,
      description: "Where to read how to find the value; null: nowhere.",
    }),
    type: t.field({ type: FieldTypeEnum, description: "What the field holds.", resolve: ({ type }) => type }),
    required: t.boolean({
      description: "Whether a value is needed, while the field is shown.",
      resolve: (field) => field.required === true && field.default === undefined,
    }),
    secret: t.boolean({ description: "True: mask it, and never show it again.", resolve: ({ secret }) => secret === true }),
    default: t.field({
      type: "JSON",
      nullable: true,
      description: "What counts where nothing is entered; null: nothing does.",
      resolve: (field) => field.default,
    }),
    example: t.exposeString("example", { nullable: true, description: "How a value looks; null: no example." }),
    options: t.field({
      type: [FieldOptionType],
      nullable: true,
      description: "The choices of an ENUM field; else null.",
      resolve: ({ options }) => options,
    }),
    pattern: t.exposeString("pattern", {
      nullable: true,
      description: "Regular expression (ECMA-262, anchored) that the value matches; null: any.",
    }),
    patternMessage: t.exposeString("patternMessage", {
      nullable: true,
      description: "What to say when the pattern does not match.",
    }),
    minLength: t.exposeInt("minLength", { nullable: true, description: "Fewest characters; null: no limit." }),
    maxLength: t.exposeInt("maxLength", { nullable: true, description: "Most characters; null: the general limit." }),
    min: t.exposeFloat("min", { nullable: true, description: "Smallest number; null: no limit." }),
    max: t.exposeFloat("max", { nullable: true, description: "Largest number; null: no limit." }),
    multiline: t.boolean({ description: "True: draw a field of several lines.", resolve: ({ multiline }) => multiline === true }),
    group: t.exposeString("group", { nullable: true, description: "Heading that fields of the same group share; null: none." }),
    visibleWhen: t.field({
      type: [FieldConditionType],
      nullable: true,
      description: "Shown, and required, only while every condition holds.",
      resolve: ({ visibleWhen }) => visibleWhen,
    }),
  }),
});

const ScopeSpecType = builder.objectRef<ScopeDefinition>("ScopeSpec").implement({
  description: "A scope that the provider knows.",
  fields: (t) => ({
    name: t.exposeString("name", { description: "As the provider writes it." }),
    description: t.exposeString("description", { nullable: true, description: "What it allows; null: the name says it." }),
    default: t.boolean({
      description: "Asked for where the AuthConfig names no scopes.",
      resolve: (scope) => scope.default === true,
    }),
    sensitive: t.boolean({
      description: "The provider reviews apps that ask for it, or it opens far more than one account's everyday data.",
      resolve: (scope) => scope.sensitive === true,
    }),
  }),
});

/** A scheme beside its connector, which knows how to test it. */
export interface SchemeView {
  connector: ConnectorView;
  scheme: SchemeDefinition;
}

export const ConnectorSchemeType = builder.objectRef<SchemeView>("ConnectorScheme").implement({
  description:
    "One way to authenticate with a connector: everything a client needs to draw the form, and the server to check it.",
  fields: (t) => ({
    key: t.string({
      description: "Unique within the connector; usually the type in lower case.",
      resolve: ({ scheme }) => scheme.key,
    }),
    type: t.field({ type: SchemeTypeEnum, description: "The kind of authentication.", resolve: ({ scheme }) => scheme.type }),
    name: t.string({ description: "For people.", resolve: ({ scheme }) => scheme.name }),
    description: t.string({
      nullable: true,
      description: "When to choose it; null: nothing to say.",
      resolve: ({ scheme }) => scheme.description,
    }),
    authConfigFields: t.field({
      type: [FieldSpecType],
      description: "What the project supplies once, on the AuthConfig, as typed fields.",
      resolve: ({ scheme }) => fieldsFor(scheme, "authConfig"),
    }),
    authConfigSchema: t.field({
      type: "JSON",
      description: "The same as JSON Schema 2020-12 with UI hints under `x-ui`.",
      resolve: ({ scheme }) => fieldsToJsonSchema(fieldsFor(scheme, "authConfig")),
    }),
    credentialFields: t.field({
      type: [FieldSpecType],
      description: "What each end user supplies, as typed fields.",
      resolve: ({ scheme }) => fieldsFor(scheme, "credential"),
    }),
    credentialSchema: t.field({
      type: "JSON",
      description: "The same as JSON Schema 2020-12 with UI hints under `x-ui`.",
      resolve: ({ scheme }) => fieldsToJsonSchema(fieldsFor(scheme, "credential")),
    }),
    scopes: t.field({
      type: [ScopeSpecType],
      description: "The scopes that are known; others can be asked for, too.",
      resolve: ({ scheme }) => scheme.scopes ?? [],
    }),
    usesClient: t.boolean({
      description:
        "True where the AuthConfig stands for a client at the provider: its own (`clientId`), or the operator's default app.",
      resolve: ({ scheme }) => hasClient(scheme),
    }),
    needsClientSecret: t.boolean({
      description:
        "True where a `clientId` of your own needs its `clientSecret` beside it. False, too, where there is no client.",
      resolve: ({ scheme }) => needsSecret(scheme),
    }),
    flows: t.field({
      type: [ConnectionFlowEnum],
      description:
        "What the AuthConfig's `flows` may hold, the default first. Empty where nothing is to be chosen: leave `flows` out.",
      resolve: ({ scheme }) => flowsOf(scheme),
    }),
    selfRegistration: t.boolean({
      description:
        "True where the provider takes clients that nobody registers by hand, by RFC 7591 or by a metadata document that Moorline serves: createAuthConfig without a clientId makes one.",
      resolve: ({ scheme }) => canRegister(scheme),
    }),
    testable: t.boolean({
      description: "True where a test really calls the third party.",
      resolve: ({ connector, scheme }) => isTestable({ scheme, api: connector.api }),
    }),
  }),
});
