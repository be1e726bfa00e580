import { WebSocket } from "ws";

/** What a request of the dashboard's own page carries beside its cookie. */
export const OWN_PAGE = { "moorline-session": "dashboard", "sec-fetch-site": "same-origin" };

export interface JsonAnswer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it.
  body: any;
}

/** One request as a page of ours sends it; `headers` take the place of its own, undefined takes one away. */
export async function ask(
  url: string,
  path: string,
  given: { body?: object; cookie?: string; headers?: Record<string, string | undefined>; method?: string } = {},
): Promise<JsonAnswer> {
  const headers = {
    ...OWN_PAGE,
    cookie: given.cookie,
    ...(given.body && { "content-type": "application/json" }),
    ...given.headers,
  };
  const response = await fetch(`${url}${path}`, {
    method: given.method ?? (given.body ? "POST" : "GET"),
    headers: Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined),
    body: given.body && JSON.stringify(given.body),
  });
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text.startsWith("{") ? JSON.parse(text) : text };
}

/** Name and value of the cookie that an answer sets. */
export function cookieOf(answer: JsonAnswer): string {
  return answer.headers.getSetCookie()[0]!.split(";", 1)[0]!;
}

export async function signInWith(url: string, apiKey: string, cookie?: string): Promise<string> {
  const answer = await ask(url, "/session", { body: { apiKey }, cookie });
  if (answer.status !== 200) throw new Error(JSON.stringify(answer.body));
  return cookieOf(answer);
}

/** A socket of a page: what came first (a message's type, a close code, or the status that refused the upgrade), and its end. */
export async function pageSocket(
  url: string,
  headers: Record<string, string>,
  parameters: object,
): Promise<{ first: string | number; socket: WebSocket; closed: Promise<number> }> {
  const socket = new WebSocket(`${url.replace("http", "ws")}/graphql`, "graphql-transport-ws", { headers });
  const closed = new Promise<number>((fulfil) => socket.once("close", fulfil));
  const first = await new Promise<string | number>((fulfil) => {
    socket.once("open", () => socket.send(JSON.stringify({ type: "connection_init", payload: parameters })));
    socket.once("message", (data) => fulfil((JSON.parse(String(data)) as { type: string }).type));
    socket.once("unexpected-response", (_request, response) => {
      fulfil(response.statusCode ?? 0);
      socket.terminate();
    });
    socket.on("error", () => {});
    void closed.then(fulfil);
  });
  return { first, socket, closed };
}
