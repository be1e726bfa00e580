import { randomUUID } from "node:crypto";
import { graphql } from "../../generated/gql/index.ts";
import type { App } from "../../src/app.ts";
import { browse, CookieJar, playUser, type UserChoice } from "../../src/sandbox/play-user.ts";
import { payload, run } from "./graphql.ts";

/** What every test of a flow begins with, made through the API as a product's back end would. */

const CreateConfig = graphql(`
  mutation SeedConfig($input: CreateAuthConfigInput!) {
    createAuthConfig(input: $input) {
      __typename
      ... on CreateAuthConfigPayload { authConfig { id version redirectUri clientId scopes } }
      ... on UserError { message code }
    }
  }
`);

const UpsertUser = graphql(`
  mutation SeedUser($input: UpsertUserInput!) {
    upsertUser(input: $input) {
      __typename
      ... on UpsertUserPayload { user { id externalId } }
      ... on UserError { message code }
    }
  }
`);

const CreateSession = graphql(`
  mutation SeedSession($input: CreateUserSessionInput!) {
    createUserSession(input: $input) {
      __typename
      ... on CreateUserSessionPayload { token expiresAt }
      ... on UserError { message code }
    }
  }
`);

const Initiate = graphql(`
  mutation SeedInitiate($input: InitiateConnectionInput!) {
    initiateConnection(input: $input) {
      __typename
      ... on InitiateConnectionPayload { connectionRequest { id status sequence authorizationUrl connectUrl expiresAt } }
      ... on UserError { message code }
      ... on InvalidInputError { issues { path code message } }
    }
  }
`);

const Request = graphql(`
  query SeedRequest($id: ID!) {
    connectionRequest(id: $id) {
      id
      status
      sequence
      failure { code message remedy retryable providerCode providerMessage }
      credential { id status account { id name email } scopes { requested granted missing } }
    }
  }
`);

type ConfigInput = Parameters<NonNullable<(typeof CreateConfig)["__apiType"]>>[0]["input"];
type InitiateInput = Parameters<NonNullable<(typeof Initiate)["__apiType"]>>[0]["input"];

export async function createConfig(app: Pick<App, "url">, key: string, input: Partial<ConfigInput> = {}) {
  const given = { connectorSlug: "sandbox", name: `Config ${randomUUID()}`, ...input };
  const { createAuthConfig } = await run(app, key, CreateConfig, { input: given });
  return payload(createAuthConfig, "CreateAuthConfigPayload").authConfig;
}

/** A config of a client of its own at the sandbox, whose switches a test can turn without disturbing others. */
export async function createOwnClientConfig(app: App, key: string, switches: object = {}, input: Partial<ConfigInput> = {}) {
  const client = await app.sandbox!.control.createClient({ redirectUris: [`${app.url}/oauth/callback/sandbox`], switches });
  const config = await createConfig(app, key, { clientId: client.clientId, clientSecret: client.clientSecret, ...input });
  return { ...config, clientId: client.clientId };
}

export async function createUser(app: Pick<App, "url">, key: string, externalId: string = `user-${randomUUID()}`) {
  const { upsertUser } = await run(app, key, UpsertUser, { input: { externalId, displayName: `Name of ${externalId}` } });
  return payload(upsertUser, "UpsertUserPayload").user;
}

export async function createSession(
  app: Pick<App, "url">,
  key: string,
  userId: string,
  more: { connectorSlugs?: string[]; expiresInSeconds?: number; locale?: string } = {},
) {
  const { createUserSession } = await run(app, key, CreateSession, { input: { user: { id: userId }, ...more } });
  return payload(createUserSession, "CreateUserSessionPayload").token;
}

export async function initiate(app: Pick<App, "url">, token: string, input: InitiateInput) {
  const { initiateConnection } = await run(app, token, Initiate, { input });
  return payload(initiateConnection, "InitiateConnectionPayload").connectionRequest;
}

export async function readRequest(app: Pick<App, "url">, token: string, id: string) {
  return (await run(app, token, Request, { id })).connectionRequest!;
}

/** Plays the person from our link to the end: signs in, decides at the sandbox, presses the button of our confirming page. */
export async function goThrough(
  authorizationUrl: string,
  choice: UserChoice = {},
  cookieJar = new CookieJar(),
  stopAtPrefix = "http://app.test/",
) {
  return playUser(authorizationUrl, choice, { cookieJar, stopAtPrefix });
}

/** As far as the provider's answer: the URL of our callback, not yet opened. */
export async function goToCallback(
  app: Pick<App, "url">,
  authorizationUrl: string,
  choice: UserChoice = {},
  cookieJar = new CookieJar(),
) {
  const { redirectedTo } = await playUser(authorizationUrl, choice, { cookieJar, stopAtPrefix: `${app.url}/oauth/callback/` });
  return {
    callbackUrl: redirectedTo,
    cookieJar,
    open: () => browse(redirectedTo, { cookieJar, stopAtPrefix: "http://app.test/" }),
  };
}

/** A user, a session and an ACTIVE credential at the sandbox. */
export async function connect(
  app: Pick<App, "url">,
  key: string,
  options: { authConfigId?: string; userId?: string; choice?: UserChoice; input?: Partial<InitiateInput> } = {},
) {
  const userId = options.userId ?? (await createUser(app, key)).id;
  const authConfigId = options.authConfigId ?? (await createConfig(app, key)).id;
  const session = await createSession(app, key, userId);
  const request = await initiate(app, session, {
    target: { authConfigId },
    returnUrl: "http://app.test/connected",
    ...options.input,
  });
  await goThrough(request.authorizationUrl!, options.choice);
  const ended = await readRequest(app, session, request.id);
  return { userId, authConfigId, session, request: ended, credential: ended.credential };
}
