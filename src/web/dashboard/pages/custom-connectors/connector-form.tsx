import { type ReactNode, useState } from "react";
import { Checkbox, RadioCards, Select } from "../../../ui/choice.tsx";
import { TextField } from "../../../ui/text-field.tsx";
import { type Draft, slugOf, type Texts } from "./draft.ts";

const KINDS = [
  { value: "oauth2", label: "OAuth 2.0", description: "People sign in at the service and allow it. MCP servers, too." },
  { value: "apiKey", label: "API key", description: "A key in a header, in the query, or in a cookie." },
  { value: "bearerToken", label: "Bearer token", description: "A token that is sent as “Authorization: Bearer …”." },
  { value: "basic", label: "Basic", description: "User name and password with each call." },
  { value: "none", label: "None", description: "An open API." },
];
const ENDPOINTS = [
  { value: "ISSUER", label: "From its issuer", description: "OpenID Connect or RFC 8414: one address, the rest is discovered." },
  {
    value: "MCP",
    label: "From an MCP server’s address",
    description: "Protected resource metadata (RFC 9728) leads to the rest.",
  },
  { value: "BY_HAND", label: "By hand", description: "Authorization URL and token URL, from the service’s documentation." },
];
const AS_TOLD = "AS_TOLD";
const AUTH_METHODS = [
  { value: AS_TOLD, label: "As its metadata says, else client_secret_basic" },
  { value: "CLIENT_SECRET_POST", label: "client_secret_post" },
  { value: "CLIENT_SECRET_BASIC", label: "client_secret_basic" },
  { value: "PRIVATE_KEY_JWT", label: "private_key_jwt" },
  { value: "NONE", label: "none (public client)" },
];
const BODY_FORMATS = [
  { value: "FORM", label: "As a form (RFC 6749)" },
  { value: "JSON", label: "As JSON" },
];
const LOCATIONS = [
  { value: "HEADER", label: "Header" },
  { value: "QUERY", label: "Query" },
  { value: "COOKIE", label: "Cookie" },
];
const METHODS = ["GET", "POST", "HEAD"].map((value) => ({ value, label: value }));

export interface ConnectorFormProps {
  draft: Draft;
  onChange(change: Partial<Draft>): void;
  /** By the path below the connector's input: `scheme.oauth2.tokenUrl`. */
  issues: Record<string, string>;
  /** Edits one that is there: its slug stays. */
  editing?: boolean;
}

export function ConnectorForm({ draft, onChange, issues, editing }: ConnectorFormProps) {
  const text: TextOf = (name, label, path, more = {}) => (
    <TextField
      label={label}
      value={draft[name]}
      onChange={(value) => onChange({ [name]: value })}
      error={issues[path]}
      {...more}
    />
  );
  return (
    <>
      {text("name", "Name", "name", { isRequired: true })}
      {!editing &&
        text("slug", "Slug", "slug", {
          help: "In addresses and in code; it stays.",
          placeholder: slugOf(draft.name) || "acme-crm",
        })}
      {text("description", "Description", "description")}
      {text("docsUrl", "Documentation", "docsUrl")}
      <RadioCards
        label="How does it authenticate?"
        choices={KINDS}
        value={draft.kind}
        onChange={(kind) => onChange({ kind: kind as Draft["kind"] })}
        isRequired
      />
      {draft.kind === "oauth2" && <OAuth2Fields draft={draft} onChange={onChange} text={text} />}
      {draft.kind === "apiKey" && (
        <>
          {text("keyName", "Name of the header, parameter or cookie", "scheme.apiKey.name", {
            isRequired: true,
            placeholder: "X-Api-Key",
          })}
          <Select
            label="Where it goes"
            choices={LOCATIONS}
            value={draft.keyLocation}
            onChange={(keyLocation) => onChange({ keyLocation })}
            isRequired
          />
          {text("keyPrefix", "Prefix", "scheme.apiKey.prefix", { help: "Put before the key, with its space if it has one." })}
        </>
      )}
      {draft.kind === "bearerToken" && (
        <>
          {text("headerName", "Header", "scheme.bearerToken.headerName")}
          {text("tokenPrefix", "Prefix", "scheme.bearerToken.prefix")}
        </>
      )}
      <fieldset className="group stack">
        <legend>Its API</legend>
        {text("baseUrl", "Base URL", "baseUrl", {
          help: "Where the proxy sends calls; credentials go nowhere else.",
          placeholder: "https://api.example.com",
        })}
        <Select
          label="Method of a harmless call"
          choices={METHODS}
          value={draft.verificationMethod}
          onChange={(verificationMethod) => onChange({ verificationMethod })}
          isRequired
        />
        {text("verificationPath", "Path of a harmless call", "verification.path", {
          help: "It answers 2xx where a credential is good: what “Test” asks.",
          placeholder: "/v1/me",
        })}
      </fieldset>
    </>
  );
}

type TextOf = (
  name: keyof Texts,
  label: string,
  path: string,
  more?: { help?: string; isRequired?: boolean; placeholder?: string; multiline?: boolean },
) => ReactNode;

function OAuth2Fields({ draft, onChange, text }: { draft: Draft; onChange(change: Partial<Draft>): void; text: TextOf }) {
  return (
    <>
      <RadioCards
        label="Where do its endpoints come from?"
        choices={ENDPOINTS}
        value={draft.endpoints}
        onChange={(value) => onChange({ endpoints: value as Draft["endpoints"] })}
        isRequired
      />
      {draft.endpoints === "ISSUER" &&
        text("issuer", "Issuer", "scheme.oauth2.issuer", { isRequired: true, placeholder: "https://login.example.com" })}
      {draft.endpoints === "MCP" &&
        text("resource", "Address of the MCP server", "scheme.oauth2.resource", {
          isRequired: true,
          placeholder: "https://mcp.example.com/mcp",
        })}
      {draft.endpoints === "BY_HAND" && (
        <>
          {text("authorizationUrl", "Authorization URL", "scheme.oauth2.authorizationUrl", { isRequired: true })}
          {text("tokenUrl", "Token URL", "scheme.oauth2.tokenUrl", { isRequired: true })}
          {text("revocationUrl", "Revocation URL", "scheme.oauth2.revocationUrl")}
          {text("userinfoUrl", "User info URL", "scheme.oauth2.userinfoUrl", { help: "Tells whose account it is." })}
        </>
      )}
      {text("scope", "Scopes", "scheme.oauth2.scope", {
        help: "Separated by spaces or by commas: as they are typed, so they are sent.",
      })}
      <Select
        label="How the client authenticates"
        choices={AUTH_METHODS}
        value={draft.tokenAuthMethod || AS_TOLD}
        onChange={(method) => onChange({ tokenAuthMethod: method === AS_TOLD ? "" : method })}
        isRequired
      />
      <Refreshing text={text} />
      <MoreOfOAuth2 draft={draft} onChange={onChange} text={text} />
    </>
  );
}

const LINES = "One a line, name=value.";

function Refreshing({ text }: { text: TextOf }) {
  return (
    <fieldset className="group stack">
      <legend>Refresh configuration</legend>
      {text("refreshUrl", "Refresh URL", "scheme.oauth2.refreshUrl", { help: "Where it is another one than the token URL." })}
      {text("refreshParameters", "Refresh parameters", "scheme.oauth2.refreshParameters", {
        help: `Added to each request that refreshes a token. ${LINES}`,
        multiline: true,
      })}
    </fieldset>
  );
}

/** What most services do as the standard says. Open where it holds something. */
function MoreOfOAuth2({ draft, onChange, text }: { draft: Draft; onChange(change: Partial<Draft>): void; text: TextOf }) {
  const { authorizationParameters, tokenParameters, tokenBodyFormat, accountIdPath, deviceAuthorizationUrl } = draft;
  const [isOpen] = useState(
    Boolean(authorizationParameters || tokenParameters || tokenBodyFormat || accountIdPath || deviceAuthorizationUrl) ||
      draft.withoutPkce,
  );
  return (
    <details open={isOpen || undefined}>
      <summary>Where it departs from the standard</summary>
      <div className="stack">
        {text("authorizationParameters", "Authorization parameters", "scheme.oauth2.authorizationParameters", {
          help: `Added to the address that users are sent to. ${LINES}`,
          multiline: true,
        })}
        {text("tokenParameters", "Token parameters", "scheme.oauth2.tokenParameters", {
          help: `Added to the request that exchanges a code. ${LINES}`,
          multiline: true,
        })}
        <Select
          label="How it wants token requests"
          choices={BODY_FORMATS}
          value={draft.tokenBodyFormat || "FORM"}
          onChange={(format) => onChange({ tokenBodyFormat: format === "FORM" ? "" : format })}
          isRequired
        />
        <Checkbox isSelected={draft.withoutPkce} onChange={(withoutPkce) => onChange({ withoutPkce })}>
          Leave PKCE out, because the service breaks on it
        </Checkbox>
        {text("accountIdPath", "Where the account’s id is", "scheme.oauth2.accountIdPath", {
          help: "In what the user info URL answers, or else the token request, with dots between the names.",
          placeholder: "user.id",
        })}
        {draft.endpoints === "BY_HAND" &&
          text("deviceAuthorizationUrl", "Device authorization URL", "scheme.oauth2.deviceAuthorizationUrl")}
      </div>
    </details>
  );
}
