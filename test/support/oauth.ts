import { randomUUID } from "node:crypto";
import { expect } from "vitest";
import { graphql } from "../../generated/gql/index.ts";
import type { App } from "../../src/app.ts";
import { browse, CookieJar, type Page, submit, type UserChoice } from "../../src/sandbox/play-user.ts";
import { FRONT_END, RETURN_URL, type TestApp } from "./app.ts";
import { payload, run } from "./graphql.ts";
import { createOwnClientConfig, createSession, createUser, goToCallback, initiate, readRequest } from "./seed.ts";

/** What the tests of the OAuth flow do again and again, all of it through the API and over HTTP as browsers do. */

const Cancel = graphql(`
  mutation OAuthCancel($id: ID!) {
    cancelConnectionRequest(input: { id: $id }) {
      __typename
      ... on CancelConnectionRequestPayload { connectionRequest { id status } }
      ... on UserError { message code }
    }
  }
`);

const Confirm = graphql(`
  mutation OAuthConfirm($input: ConfirmConnectionInput!) {
    confirmConnection(input: $input) {
      __typename
      ... on ConfirmConnectionPayload {
        connectionRequest { id status failure { code message remedy } credential { id status account { id } } }
      }
      ... on UserError { message code }
      ... on InvalidInputError { issues { path code } }
    }
  }
`);

const Events = graphql(`
  query OAuthEvents($id: ID!) {
    connectionRequest(id: $id) { events { sequence status failure { code } } }
  }
`);

const UpdateProject = graphql(`
  mutation OAuthProject($input: UpdateProjectInput!) {
    updateProject(input: $input) {
      __typename
      ... on UpdateProjectPayload { project { id verifyUrl } }
      ... on UserError { message code }
    }
  }
`);

const CreateProject = graphql(`
  mutation OAuthNewProject($name: String!) {
    createProject(input: { name: $name }) {
      __typename
      ... on CreateProjectPayload { key project { id } }
      ... on UserError { message code }
    }
  }
`);

const Reauthorize = graphql(`
  mutation OAuthReauthorize($input: ReauthorizeCredentialInput!) {
    reauthorizeCredential(input: $input) {
      __typename
      ... on ReauthorizeCredentialPayload { connectionRequest { id kind status authorizationUrl } }
      ... on UserError { message code }
      ... on InvalidInputError { issues { path code } }
    }
  }
`);

const ReadCredential = graphql(`
  query OAuthCredential($id: ID!) {
    node(id: $id) {
      __typename
      ... on Credential {
        id
        status
        statusReason
        enabled
        version
        label
        canRefresh
        accessTokenExpiresAt
        lastRefreshedAt
        lastTestedAt
        lastUsedAt
        account { id name email }
        scopes { requested granted missing }
        openRequest { id }
        history(first: 50) { nodes { sequence kind status message providerCode } }
      }
    }
  }
`);

const ReadConfig = graphql(`
  query OAuthConfig($id: ID!) { authConfig(id: $id) { id status statusReason version } }
`);

const Audit = graphql(`
  query OAuthAudit($filter: AuditEventFilter) {
    auditEvents(first: 100, filter: $filter) { nodes { action outcome actorLabel targetId details } }
  }
`);

const Reveal = graphql(`
  mutation OAuthReveal($input: RevealCredentialInput!) {
    revealCredential(input: $input) {
      __typename
      ... on RevealCredentialPayload { revealed { accessToken tokenType headers expiresAt } credential { id status } }
      ... on UserError { message code }
      ... on ProviderError { retryable retryAfterSeconds providerCode providerStatus }
      ... on CredentialNotUsableError { credential { id status statusReason } }
      ... on InvalidInputError { issues { path code } }
    }
  }
`);

const Refresh = graphql(`
  mutation OAuthRefresh($id: ID!) {
    refreshCredential(input: { id: $id }) {
      __typename
      ... on RefreshCredentialPayload { credential { id status lastRefreshedAt accessTokenExpiresAt } }
      ... on UserError { message code }
      ... on ProviderError { retryable retryAfterSeconds providerCode providerStatus }
    }
  }
`);

type Input<Document extends { __apiType?: (variables: never) => unknown }> = Parameters<
  NonNullable<Document["__apiType"]>
>[0] extends { input: infer Value }
  ? Value
  : never;

export async function cancel(app: App, token: string, id: string) {
  return (await run(app, token, Cancel, { id })).cancelConnectionRequest!;
}

export async function confirm(app: App, key: string, verification: string, userId: string) {
  return (await run(app, key, Confirm, { input: { verification, user: { id: userId } } })).confirmConnection!;
}

export async function statuses(app: App, token: string, id: string): Promise<string[]> {
  const { connectionRequest } = await run(app, token, Events, { id });
  const sequences = connectionRequest!.events.map((event) => event.sequence);
  expect(sequences).toEqual(sequences.map((_, index) => index + 1));
  return connectionRequest!.events.map((event) => event.status);
}

export async function updateProject(app: App, key: string, input: Input<typeof UpdateProject>) {
  return payload((await run(app, key, UpdateProject, { input })).updateProject, "UpdateProjectPayload").project;
}

/** A project of its own, so that its settings disturb nobody; with the sandbox, the return URL and the origin of the tests. */
export async function createProject(app: App, operatorKey: string, input: Partial<Input<typeof UpdateProject>> = {}) {
  const made = payload(
    (await run(app, operatorKey, CreateProject, { name: `Project ${randomUUID()}` })).createProject,
    "CreateProjectPayload",
  );
  const settings = { allowedReturnUrls: [RETURN_URL], allowedOrigins: [FRONT_END], ...input };
  await updateProject(app, made.key, { id: made.project.id, ...settings });
  return { id: made.project.id, key: made.key };
}

export async function reauthorize(app: App, token: string, input: Input<typeof Reauthorize>) {
  return (await run(app, token, Reauthorize, { input })).reauthorizeCredential!;
}

export async function readCredential(app: App, token: string, id: string) {
  const { node } = await run(app, token, ReadCredential, { id });
  return node?.__typename === "Credential" ? node : null;
}

export async function readConfig(app: App, key: string, id: string) {
  return (await run(app, key, ReadConfig, { id })).authConfig!;
}

export async function auditEvents(app: App, key: string, filter: { targetId?: string; action?: string }) {
  return (await run(app, key, Audit, { filter })).auditEvents!.nodes;
}

export async function reveal(app: App, key: string, input: Input<typeof Reveal>) {
  return (await run(app, key, Reveal, { input })).revealCredential!;
}

export async function refresh(app: App, key: string, id: string) {
  return (await run(app, key, Refresh, { id })).refreshCredential!;
}

/** A user with a session, a config of a client of its own, and a request that waits to be opened. */
export async function begin(app: TestApp, options: { key?: string; switches?: object; input?: object; scopes?: string[] } = {}) {
  const key = options.key ?? app.adminKey;
  const config = await createOwnClientConfig(app, key, options.switches ?? {}, options.scopes && { scopes: options.scopes });
  const user = await createUser(app, key);
  const session = await createSession(app, key, user.id);
  const request = await initiate(app, session, { target: { authConfigId: config.id }, returnUrl: RETURN_URL, ...options.input });
  return { key, config, user, session, request, url: request.authorizationUrl! };
}

export type Begun = Awaited<ReturnType<typeof begin>>;

/** How many token requests the sandbox has seen from a client. */
export function tokenRequests(app: TestApp, clientId: string, grantType?: string) {
  return app
    .sandbox!.control.log()
    .filter((entry) => entry.clientId === clientId && (!grantType || entry.grantType === grantType));
}

/** To our confirming page, with what is needed to press its buttons. */
export async function goToConfirmPage(app: App, authorizationUrl: string, choice: UserChoice = {}, cookieJar = new CookieJar()) {
  const { callbackUrl } = await goToCallback(app, authorizationUrl, choice, cookieJar);
  const page = await browse(callbackUrl, { cookieJar, stopAtPrefix: "http://app.test/" });
  expect(
    page.forms.map((form) => form.action),
    page.body,
  ).toEqual(["/connect/confirm"]);
  return { page, cookieJar, callbackUrl, press: (decision: "connect" | "refuse", jar = cookieJar) => press(page, decision, jar) };
}

export function press(page: Page, decision: "connect" | "refuse", cookieJar: CookieJar): Promise<Page> {
  return submit(page, page.forms[0]!, {}, { cookieJar, button: ["decision", decision], stopAtPrefix: "http://app.test/" });
}

/** The end of a request as its user sees it, after everything that goes with the first one's session. */
export async function endOf(app: App, { session, request }: Pick<Begun, "session" | "request">) {
  return readRequest(app, session, request.id);
}
