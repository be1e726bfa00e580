import { RequestError } from "../lib/errors.ts";

/** A GraphQL request's parameters (GraphQL over HTTP, section 4.1), checked for their types but not for their meaning. */
export interface GraphQLParameters {
  query: string;
  operationName: string | null;
  variables: Record<string, unknown> | null;
}

/** Values nested deeper than any input of ours, which recursive code further in should not have to meet. */
const MAX_DEPTH = 32;

export function parseJsonParameters(body: Buffer): GraphQLParameters {
  if (body.length === 0) throw bad('The request has no body. Send JSON such as {"query": "{ viewer { role } }"}.');
  let value: unknown;
  try {
    value = JSON.parse(body.toString("utf8"));
  } catch {
    throw bad("The request body is not JSON.");
  }
  if (Array.isArray(value))
    throw bad("Several operations in one request (batching) are not accepted: send one request for each.");
  return checkParameters(value);
}

export function parseQueryParameters(query: URLSearchParams): GraphQLParameters {
  return checkParameters({
    query: query.get("query") ?? undefined,
    operationName: query.get("operationName") || null,
    variables: parseMap("variables", query.get("variables")),
    extensions: parseMap("extensions", query.get("extensions")),
  });
}

/** For any transport. Throws RequestError BAD_REQUEST. */
export function checkParameters(value: unknown): GraphQLParameters {
  if (!isMap(value)) throw bad("The request body must be a JSON object with `query`.");
  const { query, operationName = null, variables = null, extensions = null } = value;
  if (typeof query !== "string") throw bad("`query` must be a string: the GraphQL document.");
  if (operationName !== null && typeof operationName !== "string") throw bad("`operationName` must be a string or null.");
  if (variables !== null && !isMap(variables)) throw bad("`variables` must be an object or null.");
  if (extensions !== null && !isMap(extensions)) throw bad("`extensions` must be an object or null.");
  if (/\\u(0000|\{0+\})/.test(query)) throw noNull();
  if (variables) checkValue(variables, 0);
  return { query, operationName, variables };
}

/** The null character is no text for PostgreSQL: refused once, here, before it can look like an outage further in. */
function checkValue(value: unknown, depth: number): void {
  if (typeof value === "string") {
    if (value.includes("\0")) throw noNull();
    return;
  }
  if (typeof value !== "object" || value === null) return;
  if (depth >= MAX_DEPTH) throw bad(`\`variables\` are nested deeper than ${MAX_DEPTH} levels.`);
  for (const key in value) {
    if (key.includes("\0")) throw noNull();
    checkValue((value as Record<string, unknown>)[key], depth + 1);
  }
}

function parseMap(name: string, text: string | null): unknown {
  if (!text) return null;
  try {
    return JSON.parse(text);
  } catch {
    throw bad(`\`${name}\` must be a JSON object.`);
  }
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function noNull(): RequestError {
  return bad("Text may not contain the null character (\\u0000).");
}

function bad(message: string): RequestError {
  return new RequestError("BAD_REQUEST", message, 400);
}
