import { createClient } from "graphql-ws";
import type { TestApp } from "./app.ts";
import { send } from "./graphql.ts";

const WHO = "query Who { viewer { role permissions expiresAt user { id } apiKey { id name prefix } project { id name } } }";

interface Who {
  viewer: { role: string; permissions: string[]; expiresAt: string | null; user: { id: string } | null; apiKey: object | null };
}

/** The role that a token has now, or the code that it is refused with. */
export async function who(app: TestApp, token: string): Promise<string> {
  const { data, errors } = await send<Who, object>(app, token, WHO);
  return errors?.[0]?.extensions.code ?? data!.viewer.role;
}

/** A WebSocket that watches something forever, and the code that it is closed with. */
export function socket(app: TestApp, token: string) {
  const client = createClient({
    url: `${app.url.replace("http", "ws")}/graphql`,
    connectionParams: { authorization: `Bearer ${token}` },
    lazy: false,
    retryAttempts: 0,
    onNonLazyError: () => {},
  });
  const closed = new Promise<number>((resolve) => client.on("closed", (event) => resolve((event as { code: number }).code)));
  const connected = new Promise<void>((resolve) => client.on("connected", () => resolve()));
  return { closed, connected };
}
