/**
 * A product with users, in one file: its pages, and the back end that knows who is signed in and gets that user's browser a session.
 *
 *     MOORLINE_API_KEY=mlk_… npm run example
 */
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createServer, type Server, type ServerResponse } from "node:http";
import { stripTypeScriptTypes } from "node:module";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";

const HERE = import.meta.dirname;
const ROOT = resolve(HERE, "../..");
const CLIENT = join(ROOT, "dist/client");

export interface ExampleOptions {
  /** Where Moorline is. */
  moorlineUrl: string;
  /** A key of its project, which stays here. */
  apiKey: string;
  /** 0: any free one. */
  port: number;
  connector?: string;
  /** Where the browser client was built; absent: dist/client. */
  clientDirectory?: string;
  /** The product's own id of the user who is signed in. A real product reads it from its own session cookie. */
  user?: string;
}

export interface Example {
  url: string;
  close(): Promise<void>;
}

/** Listens on loopback; Moorline is told that this front end is one of its project's. */
export async function startExample(options: ExampleOptions): Promise<Example> {
  const { connector = "sandbox", user = "ada", clientDirectory = CLIENT } = options;
  const server = createServer((request, response) => {
    answer(request.method ?? "GET", new URL(request.url ?? "/", "http://localhost").pathname, response).catch((error) => {
      console.error(error);
      response.writeHead(500).end();
    });
  });
  await new Promise<void>((listening) => server.listen(options.port, "127.0.0.1", listening));
  const url = `http://localhost:${(server.address() as AddressInfo).port}`;
  await register(options, url, connector).catch(async (error) => {
    await close(server);
    throw error;
  });

  async function answer(method: string, path: string, response: ServerResponse): Promise<void> {
    if (method === "POST" && path === "/session") return sendJson(response, { token: await createSession(options, user) });
    if (path === "/settings")
      return sendJson(response, { moorlineUrl: options.moorlineUrl, connector, user, returnUrl: `${url}/` });
    if (path === "/") return send(response, "text/html", await readFile(join(HERE, "index.html"), "utf8"));
    if (path === "/style.css") return send(response, "text/css", await readFile(join(HERE, "style.css"), "utf8"));
    // A real product has its bundler do this.
    if (path === "/main.js")
      return send(response, "text/javascript", stripTypeScriptTypes(await readFile(join(HERE, "main.ts"), "utf8")));
    const [, file] = /^\/client\/([\w-]+\.js)$/.exec(path) ?? [];
    if (file && existsSync(join(clientDirectory, file)))
      return send(response, "text/javascript", await readFile(join(clientDirectory, file), "utf8"));
    response.writeHead(404).end();
  }

  return { url, close: () => close(server) };
}

/** The session of one user, for one browser: fifteen minutes, after which the front end asks for another one. */
async function createSession(options: ExampleOptions, externalId: string): Promise<string> {
  const { upsertUser } = await ask(
    options,
    `mutation($externalId: String!) {
      upsertUser(input: { externalId: $externalId }) { ... on UpsertUserPayload { user { id } } ... on UserError { message } }
    }`,
    { externalId },
  );
  if (!upsertUser?.user) throw new Error(upsertUser?.message);
  const { createUserSession } = await ask(
    options,
    `mutation($id: ID!) {
      createUserSession(input: { user: { id: $id }, expiresInSeconds: 900 }) {
        ... on CreateUserSessionPayload { token }
        ... on UserError { message }
      }
    }`,
    { id: upsertUser.user.id },
  );
  if (!createUserSession?.token) throw new Error(createUserSession?.message);
  return createUserSession.token;
}

/** What an operator does once by hand: this page's origin and return URL on the project, and an auth config for the connector. */
async function register(options: ExampleOptions, origin: string, connector: string): Promise<void> {
  const { viewer, authConfigs } = await ask(
    options,
    `query($connector: String!) {
      viewer { project { id allowedOrigins allowedReturnUrls } }
      authConfigs(first: 1, filter: { connectorSlug: $connector }) { nodes { id } }
    }`,
    { connector },
  );
  const { id, allowedOrigins, allowedReturnUrls } = viewer.project;
  const returnUrl = `${origin}/`;
  if (!allowedOrigins.includes(origin) || !allowedReturnUrls.includes(returnUrl)) {
    const input = { id, allowedOrigins: add(allowedOrigins, origin), allowedReturnUrls: add(allowedReturnUrls, returnUrl) };
    const mutation = `mutation($input: UpdateProjectInput!) { done: updateProject(input: $input) { ... on UserError { message } } }`;
    const { done } = await ask(options, mutation, { input });
    if (done.message) throw new Error(done.message);
  }
  if (authConfigs.nodes.length > 0) return;
  const { done } = await ask(
    options,
    `mutation($input: CreateAuthConfigInput!) { done: createAuthConfig(input: $input) { ... on UserError { message } } }`,
    { input: { connectorSlug: connector, name: `Example (${connector})` } },
  );
  if (done.message) throw new Error(done.message);
}

function add(list: string[], item: string): string[] {
  return [...new Set([...list, item])];
}

// biome-ignore lint/suspicious/noExplicitAny: an example without code generation; codegen.ts shows how to have types.
async function ask({ moorlineUrl, apiKey }: ExampleOptions, query: string, variables: object): Promise<any> {
  const answer = await fetch(`${moorlineUrl}/graphql`, {
    method: "POST",
    headers: { authorization: `Bearer ${apiKey}`, "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await answer.json()) as { data?: unknown; errors?: { message: string }[] };
  if (errors?.[0]) throw new Error(`Moorline says: ${errors[0].message}`);
  return data;
}

function sendJson(response: ServerResponse, value: object): void {
  send(response, "application/json", JSON.stringify(value));
}

function send(response: ServerResponse, type: string, body: string): void {
  response.writeHead(200, { "content-type": `${type}; charset=utf-8`, "cache-control": "no-store" }).end(body);
}

async function close(server: Server): Promise<void> {
  server.closeAllConnections();
  await new Promise((closed) => server.close(closed));
}

if (import.meta.main) {
  const { MOORLINE_URL: moorlineUrl = "http://localhost:4000", MOORLINE_API_KEY: apiKey, PORT = "3000" } = process.env;
  if (!apiKey) {
    console.error("Set MOORLINE_API_KEY to the key that `npm start` showed: MOORLINE_API_KEY=mlk_… npm run example");
    process.exit(1);
  }
  if (!existsSync(join(CLIENT, "index.js"))) {
    console.log("Building the browser client first.");
    spawnSync(process.execPath, [join(ROOT, "scripts/build-client.ts")], { stdio: "inherit" });
  }
  const { url } = await startExample({ moorlineUrl, apiKey, port: Number(PORT) });
  console.log(`The example is at ${url}`);
}
