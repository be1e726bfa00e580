import type { SchemeType } from "../../../api/gql.ts";

export interface ServiceKind {
  id: string;
  title: string;
  help: string;
  /** What is proposed, and why. */
  proposal: string;
  schemes: readonly SchemeType[];
}

/** What somebody knows of a service, in plain words, and the type of authentication that it leads to. */
export const SERVICE_KINDS: readonly ServiceKind[] = [
  {
    id: "people",
    title: "People have accounts there and press “Allow”",
    help: "Google, Slack, HubSpot, GitHub, and most services with a “Sign in with…”.",
    proposal:
      "OAuth 2: your users consent at the provider, and nobody ever hands over a password. You need an app registered there, unless a default one is offered.",
    schemes: ["OAUTH2", "OAUTH1", "APP_INSTALLATION"],
  },
  {
    id: "native",
    title: "A database, message broker, mail, file or directory server",
    help: "PostgreSQL, Kafka, SMTP, SFTP, LDAP: something with a protocol of its own.",
    proposal: "Native: each user enters host and login in a form, and the connection is tested with the real protocol.",
    schemes: ["NATIVE"],
  },
  {
    id: "api-key",
    title: "A web API that gives out API keys",
    help: "Its settings have a page “API keys”, and a key is sent with every call.",
    proposal: "API key: each user pastes a key, or you preset one for everyone.",
    schemes: ["API_KEY"],
  },
  {
    id: "bearer",
    title: "A web API that gives out access tokens",
    help: "“Personal access token” or “Authorization: Bearer …” in its documentation.",
    proposal: "Bearer token: each user pastes a token that was made in the service.",
    schemes: ["BEARER_TOKEN"],
  },
  {
    id: "basic",
    title: "A web API with user name and password",
    help: "“Basic authentication” in its documentation.",
    proposal: "Basic: each user enters a user name and a password, or an API key in the place of one.",
    schemes: ["BASIC"],
  },
  {
    id: "machine",
    title: "A machine signs in: client credentials, signed tokens, cloud keys",
    help: "Client credentials, service accounts, AWS access keys, keys that are exchanged for tokens.",
    proposal:
      "No user consents: the keys of a machine are signed with, or exchanged for short-lived tokens, which Moorline renews.",
    schemes: ["OAUTH2_CLIENT_CREDENTIALS", "SIGNED_JWT", "TWO_STEP", "AWS_SIGV4", "OAUTH1_TOKENS"],
  },
  {
    id: "none",
    title: "Anybody may use it: there is nothing to sign in with",
    help: "Open data, an endpoint in your own network.",
    proposal: "None: nothing is asked for. Only the address counts.",
    schemes: ["NONE"],
  },
];

export function serviceKind(id: string): ServiceKind | null {
  return SERVICE_KINDS.find((kind) => kind.id === id) ?? null;
}
