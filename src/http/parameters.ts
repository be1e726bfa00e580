import { isUtf8 } from "node:buffer";
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
  // What is no UTF-8 would be read as something else: a password, say, with other characters in it.
  if (!isUtf8(body)) throw bad("The request body is not UTF-8.");
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
  if (!query.isWellFormed()) throw noHalf();
  if (variables) checkValue(variables, 0);
  return { query, operationName, variables };
}

/** The null character and half a pair of surrogates are no text for PostgreSQL: refused once, here, before they can look like an outage further in. */
function checkValue(value: unknown, depth: number): void {
  if (typeof value === "string") checkText(value);
  if (typeof value !== "object" || value === null) return;
  if (depth >= MAX_DEPTH) throw bad(`\`variables\` are nested deeper than ${MAX_DEPTH} levels.`);
  for (const key in value) {
    checkText(key);
    checkValue((value as Record<string, unknown>)[key], depth + 1);
  }
}

function checkText(text: string): void {
  if (text.includes("\0")) throw noNull();
  if (!text.isWellFormed()) throw noHalf();
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

function noHalf(): RequestError {
  return bad("Text may not contain half of a character (a lone surrogate, \\ud800 to \\udfff).");
}

function bad(message: string): RequestError {
  return new RequestError("BAD_REQUEST", message, 400);
}
