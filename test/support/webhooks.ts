import { once } from "node:events";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Webhook } from "standardwebhooks";
import { expect, vi } from "vitest";
import { graphql } from "../../generated/gql/index.ts";
import type { TestApp } from "./app.ts";
import { payload, run } from "./graphql.ts";

/** What a product's back end sees of webhooks: an HTTP server of its own, and the API. */

export interface Posted {
  id: string;
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string;
  event: WebhookBody;
}

export interface WebhookBody {
  type: string;
  timestamp: string;
  data: {
    projectId: string;
    credentialId: string;
    connectionRequestId: string;
    sequence: number;
    kind: string;
    status: string;
    previousStatus: string | null;
    change: string;
    cursor: string;
    user: { id: string; externalId: string | null } | null;
    failure: { code: string; retryable: boolean } | null;
    connectorSlug: string;
    authConfigId: string;
  };
}

type Answer = number | ((response: ServerResponse, posted: Posted) => void);

/** A server that keeps what is posted to it, and answers as it is told. */
export async function startReceiver(answer: Answer = 204) {
  const posted: Posted[] = [];
  const receiver = { answer, posted, url: "", reset, received, drop: () => server.closeAllConnections(), close };
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks).toString();
    const headers = request.headers as Record<string, string>;
    const one = {
      id: headers["webhook-id"]!,
      method: request.method!,
      path: request.url!,
      headers,
      body,
      event: JSON.parse(body) as WebhookBody,
    };
    posted.push(one);
    if (typeof receiver.answer === "function") receiver.answer(response, one);
    else response.writeHead(receiver.answer).end();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  receiver.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  /** From here on as if nothing had come. */
  function reset(next: Answer = 204): void {
    posted.length = 0;
    receiver.answer = next;
  }
  /** Once `count` have come. */
  async function received(count: number): Promise<Posted[]> {
    await expect.poll(() => posted.length, { timeout: 15_000, interval: 20 }).toBeGreaterThanOrEqual(count);
    return posted;
  }
  async function close(): Promise<void> {
    server.closeAllConnections();
    server.close();
    await once(server, "close");
  }
  return receiver;
}

export type Receiver = Awaited<ReturnType<typeof startReceiver>>;

/** Whether a receiver that has this secret takes it, at a clock that is so far from this machine's. Throws where it does not. */
export function verify(secret: string, { body, headers }: Posted, offsetMs = 0): WebhookBody {
  vi.useFakeTimers({ toFake: ["Date"], now: Date.now() + offsetMs });
  try {
    return new Webhook(secret).verify(body, headers) as WebhookBody;
  } finally {
    vi.useRealTimers();
  }
}

const Create = graphql(`
  mutation WebhookCreate($input: CreateWebhookInput!) {
    createWebhook(input: $input) {
      __typename
      ... on CreateWebhookPayload { secret webhook { id url events enabled createdAt } }
      ... on UserError { message code }
      ... on InvalidInputError { issues { path code message } }
    }
  }
`);

const Update = graphql(`
  mutation WebhookUpdate($input: UpdateWebhookInput!) {
    updateWebhook(input: $input) {
      __typename
      ... on UpdateWebhookPayload { webhook { id url events enabled } }
      ... on UserError { message code }
      ... on InvalidInputError { issues { path code message } }
    }
  }
`);

const Delete = graphql(`
  mutation WebhookDelete($id: ID!) {
    deleteWebhook(input: { id: $id }) { __typename ... on DeleteWebhookPayload { deletedId } ... on UserError { message code } }
  }
`);

const Rotate = graphql(`
  mutation WebhookRotate($id: ID!) {
    rotateWebhookSecret(input: { id: $id }) {
      __typename
      ... on RotateWebhookSecretPayload { secret webhook { id } }
      ... on UserError { message code }
    }
  }
`);

const Replay = graphql(`
  mutation WebhookReplay($id: ID!) {
    replayWebhookDelivery(input: { id: $id }) {
      __typename
      ... on ReplayWebhookDeliveryPayload { webhookDelivery { id event eventId status attempts } }
      ... on UserError { message code }
    }
  }
`);

const Read = graphql(`
  query WebhookRead($id: ID!, $first: Int, $after: String, $filter: WebhookDeliveryFilter) {
    node(id: $id) {
      ... on Webhook {
        id
        url
        events
        enabled
        pausedUntil
        deliveries(first: $first, after: $after, filter: $filter) {
          totalCount
          pageInfo { hasNextPage endCursor }
          nodes { id event eventId payload attempts status lastResponseStatus lastError nextAttemptAt deliveredAt createdAt webhook { id } }
        }
      }
    }
  }
`);

type Input<Document extends { __apiType?: (variables: never) => unknown }> = Parameters<
  NonNullable<Document["__apiType"]>
>[0] extends { input: infer Value }
  ? Value
  : never;

export async function tryToCreate(app: TestApp, key: string, input: Input<typeof Create>) {
  return (await run(app, key, Create, { input })).createWebhook!;
}

export async function createWebhook(app: TestApp, key: string, input: Input<typeof Create>) {
  const { webhook, secret } = payload(await tryToCreate(app, key, input), "CreateWebhookPayload");
  return { ...webhook, secret };
}

export async function updateWebhook(app: TestApp, key: string, input: Input<typeof Update>) {
  return (await run(app, key, Update, { input })).updateWebhook!;
}

export async function deleteWebhook(app: TestApp, key: string, id: string) {
  return (await run(app, key, Delete, { id })).deleteWebhook!;
}

export async function rotate(app: TestApp, key: string, id: string): Promise<string> {
  return payload((await run(app, key, Rotate, { id })).rotateWebhookSecret, "RotateWebhookSecretPayload").secret;
}

export async function replay(app: TestApp, key: string, id: string) {
  return (await run(app, key, Replay, { id })).replayWebhookDelivery!;
}

type Variables = Omit<Parameters<NonNullable<(typeof Read)["__apiType"]>>[0], "id">;

export async function readWebhook(app: TestApp, key: string, id: string, variables: Variables = { first: 100 }) {
  const { node } = await run(app, key, Read, { id, ...variables });
  return node && "deliveries" in node ? node : null;
}

/** The log of deliveries once every one of them is over, or waits for a later attempt. */
export async function settledDeliveries(app: TestApp, key: string, id: string) {
  const read = async () => (await readWebhook(app, key, id))!.deliveries.nodes;
  await expect
    .poll(async () => (await read()).filter(({ status, attempts }) => status === "PENDING" && attempts === 0).length, {
      timeout: 15_000,
    })
    .toBe(0);
  return read();
}

/** As if the next look at what is due came now. */
export async function wakeJob(app: TestApp): Promise<void> {
  await app.services.database.query("test_wake", "SELECT pg_notify('moorline', 'job:webhooks')", []);
}
