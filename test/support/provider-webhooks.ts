import { createHmac } from "node:crypto";
import { expect } from "vitest";
import type { TestApp } from "./app.ts";
import { mutate } from "./entities.ts";
import type { Receiver } from "./webhooks.ts";

/** What a provider does at an auth config's `webhookUrl`, and what the product's back end hears of it. */

export const SECRET = "It's a Secret to Everybody";
export const CONFIG = "authConfig { id version webhookUrl webhookVerifyToken hasWebhookSecret }";

export interface WebhookConfig {
  id: string;
  version: number;
  webhookUrl: string | null;
  webhookVerifyToken: string | null;
  hasWebhookSecret: boolean;
}

export async function createWebhookConfig(
  app: TestApp,
  key: string,
  connectorSlug: string,
  input: object,
): Promise<WebhookConfig> {
  const named = { connectorSlug, name: `${connectorSlug} ${Math.random()}`, ...input };
  const answer = await mutate(app, key, "createAuthConfig", named, CONFIG);
  expect(answer, JSON.stringify(answer)).toMatchObject({ __typename: "CreateAuthConfigPayload" });
  return answer.authConfig as unknown as WebhookConfig;
}

export function post(url: string | null, body: string | Buffer, headers: Record<string, string>): Promise<Response> {
  return fetch(url!, {
    method: "POST",
    body: new Uint8Array(Buffer.from(body)),
    headers: { "content-type": "application/json", ...headers },
  });
}

export const hex = (content: string, secret = SECRET, algorithm = "sha256") =>
  createHmac(algorithm, secret).update(content).digest("hex");
export const base64 = (content: string, secret = SECRET, algorithm = "sha256") =>
  createHmac(algorithm, secret).update(content).digest("base64");
export const seconds = (offset = 0) => String(Math.floor(Date.now() / 1000) + offset);

export interface Heard {
  type: string;
  data: Record<string, unknown>;
}

export async function heard(receiver: Receiver, count = 1): Promise<Heard[]> {
  return (await receiver.received(count)).map(({ body }) => JSON.parse(body) as Heard);
}
