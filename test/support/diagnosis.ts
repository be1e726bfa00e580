import { createServer as createHttpServer, type IncomingMessage, type ServerResponse } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import type { AddressInfo } from "node:net";
import { expect } from "vitest";
import type { TestApp } from "./app.ts";
import { LOCALHOST } from "./certificate.ts";
import { run } from "./graphql.ts";

export interface Check {
  name: string;
  outcome: "PASSED" | "FAILED" | "WARNING" | "SKIPPED";
  message: string;
  remedy: string | null;
}

/** What either dry run answers: a diagnosis, or the error's own fields. */
export interface Told {
  __typename: string;
  code?: string;
  message?: string;
  issues?: { path: string[]; code: string }[];
  authConfig?: { id: string } | null;
  diagnosis: { ok: boolean; checks: Check[] };
}

const DIAGNOSIS = "diagnosis { ok checks { name outcome message remedy } }";
const ERRORS = "... on UserError { code message } ... on InvalidInputError { issues { path code } }";

async function dryRun(app: TestApp, token: string, name: string, input: object, select: string): Promise<Told> {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
  const document = `mutation ($input: ${type}Input!) { ${name}(input: $input) { __typename ... on ${type}Payload { ${select} } ${ERRORS} } }`;
  const told = (await run<Record<string, Told>, object>(app, token, document, { input }))[name]!;
  for (const check of told.diagnosis?.checks ?? []) {
    expect(check.message, check.name).toMatch(/\S/);
    // Whoever is told of a fault is told what to do.
    if (check.outcome === "FAILED") expect(check.remedy, check.name).toMatch(/\S/);
  }
  if (told.diagnosis) expect(told.diagnosis.ok).toBe(told.diagnosis.checks.every(({ outcome }) => outcome !== "FAILED"));
  return told;
}

export function diagnose(app: TestApp, token: string, input: object): Promise<Told> {
  return dryRun(app, token, "diagnoseAuthConfig", input, `authConfig { id } ${DIAGNOSIS}`);
}

export function validate(app: TestApp, token: string, input: object): Promise<Told> {
  return dryRun(app, token, "validateConnector", input, DIAGNOSIS);
}

export function checkOf({ diagnosis }: Told, name: string): Check {
  const found = diagnosis.checks.find((check) => check.name === name);
  expect(found, `${name} is not among ${diagnosis.checks.map((check) => check.name).join(", ")}`).toBeDefined();
  return found!;
}

/** Each check's outcome, by its name. */
export function outcomes({ diagnosis }: Told): Record<string, string> {
  return Object.fromEntries(diagnosis.checks.map(({ name, outcome }) => [name, outcome]));
}

export interface LocalServer {
  url: string;
  port: number;
  /** Every request, oldest first. */
  requests: { method: string; path: string; body: string; headers: IncomingMessage["headers"] }[];
  close(): Promise<void>;
}

type Answer = (
  request: { method: string; url: URL; form: URLSearchParams; body: string },
  response: ServerResponse,
  raw: IncomingMessage,
) => unknown;

/** A server of the test's own, on a port that the system chooses; `tls`: with a certificate that nobody trusts. */
export async function startServer(answer: Answer, options: { tls?: boolean } = {}): Promise<LocalServer> {
  const requests: LocalServer["requests"] = [];
  const serve = async (raw: IncomingMessage, response: ServerResponse) => {
    let body = "";
    for await (const chunk of raw) body += String(chunk);
    const url = new URL(raw.url ?? "/", "http://localhost");
    requests.push({ method: raw.method!, path: raw.url!, body, headers: raw.headers });
    try {
      await answer({ method: raw.method!, url, form: new URLSearchParams(body), body }, response, raw);
    } catch (error) {
      response.writeHead(500).end(String(error));
    }
  };
  const server = options.tls ? createHttpsServer(LOCALHOST, serve) : createHttpServer(serve);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: options.tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`,
    port,
    requests,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

export function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
}

export function page(response: ServerResponse, status: number, html: string): void {
  response.writeHead(status, { "content-type": "text/html" }).end(html);
}
