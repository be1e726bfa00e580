import type { ConnectorView } from "../domain/connector.ts";
import { createConnector, deleteConnector, updateConnector } from "../domain/connector-change.ts";
import { InUseError, ProviderError } from "../lib/errors.ts";
import { builder, enumType } from "./builder.ts";
import { deletedPayload, mutation } from "./mutation.ts";
import { ConnectorType } from "./refs.ts";

const TokenAuthMethodEnum = enumType(
  "TokenAuthMethod",
  "How the client authenticates at the token endpoint (RFC 6749 section 2.3, RFC 7523).",
  {
    CLIENT_SECRET_BASIC: "Id and secret in the Authorization header.",
    CLIENT_SECRET_POST: "Id and secret in the body.",
    PRIVATE_KEY_JWT: "A signed assertion.",
    NONE: "A public client without a secret.",
  },
);

const TokenBodyFormatEnum = enumType("TokenBodyFormat", "How the token endpoint wants its parameters.", {
  FORM: "As application/x-www-form-urlencoded, as the standard says.",
  JSON: "As application/json, which some providers want instead.",
});

const ApiKeyLocationEnum = enumType("ApiKeyLocation", "Where an API key goes.", {
  HEADER: "Into a header.",
  QUERY: "Into the query string.",
  COOKIE: "Into a cookie.",
});

const OAuth2SchemeInput = builder.inputType("OAuth2SchemeInput", {
  description: "OAuth 2.0: an `issuer` or a `resource` to discover, or at least `authorizationUrl` and `tokenUrl`.",
  fields: (t) => ({
    resource: t.field({
      type: "URL",
      description:
        "The URL of an MCP server or API that the tokens are for: sent in every authorization, token and refresh request (RFC 8707). Where neither issuer nor endpoints are given, its metadata (RFC 9728) name the issuer; `baseUrl` defaults to it.",
    }),
    issuer: t.field({ type: "URL", description: "Discovery (RFC 8414 / OpenID Connect): fills in the endpoints below." }),
    authorizationUrl: t.field({ type: "URL", description: "Authorization endpoint (RFC 6749 section 3.1)." }),
    tokenUrl: t.field({ type: "URL", description: "Token endpoint (RFC 6749 section 3.2)." }),
    refreshUrl: t.field({ type: "URL", description: "Where tokens are refreshed; absent: at `tokenUrl`." }),
    revocationUrl: t.field({
      type: "URL",
      description: "Revocation endpoint (RFC 7009); absent: tokens cannot be revoked at the provider.",
    }),
    userinfoUrl: t.field({ type: "URL", description: "Tells whose account it is: a GET with the access token." }),
    accountIdPath: t.string({ description: "Where in the user-info (or token) answer the account's id is, dotted." }),
    jwksUri: t.field({ type: "URL", description: "Keys that ID tokens are signed with (RFC 7517)." }),
    deviceAuthorizationUrl: t.field({ type: "URL", description: "Device authorization endpoint (RFC 8628)." }),
    scope: t.string({ description: "One string, space- or comma-separated, or a list in `scopes`." }),
    scopes: t.stringList({ description: "Scopes to ask for by default." }),
    scopeSeparator: t.string({ description: "What stands between scopes; default: a space." }),
    tokenAuthMethod: t.field({
      type: TokenAuthMethodEnum,
      description: "Absent: what discovery says, else CLIENT_SECRET_BASIC.",
    }),
    tokenBodyFormat: t.field({ type: TokenBodyFormatEnum, description: "Absent: FORM." }),
    pkce: t.boolean({ description: "False only where the provider breaks on PKCE (RFC 7636); default true." }),
    authorizationParameters: t.field({ type: "JSON", description: "Added to the authorization URL: an object of strings." }),
    tokenParameters: t.field({ type: "JSON", description: "Added to the token request: an object of strings." }),
    refreshParameters: t.field({ type: "JSON", description: "Added to the refresh request: an object of strings." }),
  }),
});

const ConnectorSchemeInput = builder.inputType("ConnectorSchemeInput", {
  isOneOf: true,
  description: "One definition of an authentication scheme; exactly one member.",
  fields: (t) => ({
    oauth2: t.field({ type: OAuth2SchemeInput, description: "OAuth 2.0." }),
    apiKey: t.field({
      type: builder.inputType("ApiKeySchemeInput", {
        description: "A key that goes with every call.",
        fields: (f) => ({
          location: f.field({ type: ApiKeyLocationEnum, required: true, description: "Where it goes." }),
          name: f.string({ required: true, description: "Name of the header, parameter or cookie." }),
          prefix: f.string({ description: "What stands before the key, space included." }),
        }),
      }),
      description: "An API key.",
    }),
    bearerToken: t.field({
      type: builder.inputType("BearerTokenSchemeInput", {
        description: "A fixed token in a header.",
        fields: (f) => ({
          headerName: f.string({ description: "Default: Authorization." }),
          prefix: f.string({ description: "What stands before the token, space included; default: `Bearer `." }),
        }),
      }),
      description: "A fixed token.",
    }),
    basic: t.field({
      type: builder.inputType("BasicSchemeInput", {
        description: "User name and password (RFC 7617).",
        fields: (f) => ({
          usernameLabel: f.string({ description: "What the form calls the user name." }),
          passwordLabel: f.string({ description: "What the form calls the password." }),
        }),
      }),
      description: "User name and password.",
    }),
    none: t.field({
      type: builder.inputType("NoneSchemeInput", {
        description: "No authentication at all.",
        fields: (f) => ({ note: f.string({ description: "Shown to whoever connects." }) }),
      }),
      description: "No authentication.",
    }),
  }),
});

const VerificationInput = builder.inputType("VerificationInput", {
  description: "A harmless call to the connector's API.",
  fields: (t) => ({
    method: t.string({ required: true, description: "HTTP method." }),
    path: t.string({ required: true, description: "Relative to the base URL." }),
    expectedStatus: t.intList({ description: "HTTP statuses that mean success; absent: any 2xx." }),
    accountIdPath: t.string({
      description: "Where in the answer the account's id is, dotted: so credentials that were typed have an account, too.",
    }),
    accountNamePath: t.string({ description: "Where in the answer the account's name is, dotted." }),
  }),
});

const connectorPayload = (name: string) =>
  builder.objectRef<{ connector: ConnectorView }>(name).implement({
    description: "The connector as it now is.",
    fields: (t) => ({
      connector: t.field({ type: ConnectorType, description: "The connector.", resolve: ({ connector }) => connector }),
    }),
  });

export const CreateConnectorInput = builder.inputType("CreateConnectorInput", {
  description: "A connector of the project's own.",
  fields: (t) => ({
    slug: t.string({
      required: true,
      description: "Its name in inputs, ^[a-z][a-z0-9-]{1,40}$; never that of a built-in one; stays for ever.",
    }),
    name: t.string({ required: true, description: "For people; 1 to 200 characters." }),
    description: t.string({ description: "What it is; at most 2,000 characters." }),
    logoUrl: t.field({ type: "URL", description: "An image; absent: the initials are drawn." }),
    baseUrl: t.field({ type: "URL", description: "Of its API; the proxy never leaves its origin." }),
    docsUrl: t.field({ type: "URL", description: "The provider's documentation." }),
    scheme: t.field({ type: ConnectorSchemeInput, required: true, description: "How to authenticate." }),
    verification: t.field({ type: VerificationInput, description: "The call that proves a credential works." }),
    idempotencyKey: t.string({ description: "Repeats within a day give the same object." }),
  }),
});

mutation("createConnector", {
  description:
    "Defines a connector of the project's own. With an `issuer` or a `resource`, what it publishes about itself is read now.",
  input: CreateConnectorInput,
  payload: connectorPayload("CreateConnectorPayload"),
  errors: [ProviderError],
  run: createConnector,
});

mutation("updateConnector", {
  description:
    "Changes a connector of the project's own. A changed origin makes its credentials INVALID (CONFIG_CHANGED), and another way to use their secrets may stop them working: both are an InUseError until `confirm: true`.",
  input: builder.inputType("UpdateConnectorInput", {
    description: "Absent: unchanged; null: cleared.",
    fields: (t) => ({
      id: t.id({ required: true, description: "The connector's id, `ccn_…`." }),
      name: t.string({ description: "For people; 1 to 200 characters." }),
      description: t.string({ description: "What it is; at most 2,000 characters." }),
      logoUrl: t.field({ type: "URL", description: "An image; null: the initials are drawn." }),
      baseUrl: t.field({ type: "URL", description: "Of its API." }),
      docsUrl: t.field({ type: "URL", description: "The provider's documentation." }),
      scheme: t.field({ type: ConnectorSchemeInput, description: "Replaces the whole definition." }),
      verification: t.field({ type: VerificationInput, description: "The call that proves a credential works." }),
      confirm: t.boolean({ description: "True: although credentials would be affected." }),
    }),
  }),
  payload: connectorPayload("UpdateConnectorPayload"),
  errors: [InUseError, ProviderError],
  run: updateConnector,
});

mutation("deleteConnector", {
  description:
    "Deletes a connector of the project's own. InUseError until `confirm: true` where it has auth configs or credentials, which go with it.",
  input: builder.inputType("DeleteConnectorInput", {
    description: "Which connector to delete.",
    fields: (t) => ({
      id: t.id({ required: true, description: "The connector's id, `ccn_…`." }),
      confirm: t.boolean({ description: "True: although configs and credentials would go with it." }),
    }),
  }),
  payload: deletedPayload("DeleteConnectorPayload", "connector"),
  errors: [InUseError],
  run: deleteConnector,
});
