import type { IncomingMessage, ServerResponse } from "node:http";
import type { ExecutionResult } from "graphql";
import { authenticate } from "../domain/authenticate.ts";
import type { Caller } from "../domain/caller.ts";
import { RequestError } from "../lib/errors.ts";
import { mediaType, readBody } from "./body.ts";
import { type Cors, corsHeaders, type OriginVerdict } from "./cors.ts";
import { executeWithinLimit, formatErrors, formatResult } from "./execute.ts";
import type { GraphiQLPage } from "./graphiql.ts";
import { negotiate, type ResponseType } from "./negotiate.ts";
import type { Face } from "./options.ts";
import { type GraphQLParameters, parseJsonParameters, parseQueryParameters } from "./parameters.ts";
import { isIntrospectionOnly, type Preparation, prepare } from "./prepare.ts";
import { prefersHtml, refusal, SECURITY_HEADERS, toRequestError, UnexpectedError, unexpectedBody } from "./respond.ts";
import type { Handler, Hit } from "./router.ts";
import type { EventStreams } from "./sse.ts";

/**
 * The GraphQL path over HTTP, by the GraphQL-over-HTTP draft. No Fetch layer in between: for the plain JSON POST it would cost
 * more than the query does.
 */
export function createGraphQLHandlers(
  face: Face,
  cors: Cors,
  streams: EventStreams,
  graphiql: GraphiQLPage | null,
): Record<"GET" | "POST" | "OPTIONS", Handler> {
  async function answer(hit: Hit, read: () => GraphQLParameters | Promise<GraphQLParameters>): Promise<void> {
    const { request, response } = hit;
    let verdict: OriginVerdict = { kind: "none" };
    let type: ResponseType | null = null;
    try {
      verdict = await cors.screen(request);
      type = negotiate(request);
      if (!type)
        throw new RequestError(
          "BAD_REQUEST",
          "Accept application/json, application/graphql-response+json or text/event-stream.",
          406,
        );
      const parameters = await read();
      await run(hit, verdict, type, parameters);
    } catch (error) {
      refuse(face, response, type, verdict, error);
    }
  }

  async function run(
    { request, response }: Hit,
    verdict: OriginVerdict,
    type: ResponseType,
    parameters: GraphQLParameters,
  ): Promise<void> {
    const caller = await login(request, parameters);
    if (caller) cors.assertCaller(verdict, caller);
    const preparation = prepare(face, parameters);
    if ("errors" in preparation) return sendRequestErrors(face, response, type, verdict, preparation.errors);
    const { prepared } = preparation;
    assertTransport(request, type, preparation);
    const { authorization } = request.headers;
    if (type === "text/event-stream" && caller && authorization) {
      return streams.open({ response, headers: corsHeaders(verdict), prepared, parameters, caller, authorization });
    }
    const result = await executeWithinLimit(face, prepared, parameters, caller);
    sendResult(face, response, type, verdict, result);
  }

  /** Null: a stranger who asks for nothing but the schema, where the operator lets people explore (GraphiQL draws it before a key is entered). */
  async function login(request: IncomingMessage, parameters: GraphQLParameters): Promise<Caller | null> {
    try {
      return await authenticate(face.services, {
        authorization: request.headers.authorization ?? null,
        ip: face.clientIp(request),
        locale: request.headers["accept-language"] ?? null,
      });
    } catch (error) {
      if (face.exploration && error instanceof RequestError && error.status === 401 && asksSchemaOnly(parameters)) return null;
      throw error;
    }
  }

  function asksSchemaOnly(parameters: GraphQLParameters): boolean {
    const preparation = prepare(face, parameters);
    return "prepared" in preparation && isIntrospectionOnly(preparation.prepared);
  }

  return {
    POST: (hit) => answer(hit, () => readParameters(hit.request, face.limits.bodyBytes)),
    GET: (hit) => {
      if (graphiql && prefersHtml(hit.request)) return graphiql.serve(hit);
      return answer(hit, () => parseQueryParameters(hit.query));
    },
    async OPTIONS({ request, response }) {
      try {
        await cors.preflight(request, response);
      } catch (error) {
        refuse(face, response, null, { kind: "none" }, error);
      }
    },
  };
}

/** Only JSON, which no web page can send without a preflight: forms, multipart and text/plain are how cross-site requests are forged. */
async function readParameters(request: IncomingMessage, limit: number): Promise<GraphQLParameters> {
  const header = request.headers["content-type"] ?? "";
  if (header !== "application/json" && (mediaType(header) !== "application/json" || /charset=(?!"?utf-?8)/i.test(header))) {
    throw new RequestError("BAD_REQUEST", "Send the operation as JSON in UTF-8, with “Content-Type: application/json”.", 415);
  }
  return parseJsonParameters(await readBody(request, limit));
}

function assertTransport(
  request: IncomingMessage,
  type: ResponseType,
  { prepared }: Extract<Preparation, { prepared: unknown }>,
): void {
  const kind = prepared.operation.operation;
  if (kind === "mutation" && request.method !== "POST") {
    throw new RequestError("BAD_REQUEST", "Mutations are accepted by POST only.", 405);
  }
  if (kind === "subscription" && type !== "text/event-stream") {
    throw new RequestError(
      "BAD_REQUEST",
      "A subscription needs “Accept: text/event-stream”, or a WebSocket (graphql-transport-ws).",
      400,
    );
  }
}

function sendResult(
  face: Face,
  response: ServerResponse,
  type: ResponseType,
  verdict: OriginVerdict,
  result: ExecutionResult,
): void {
  if (result.data === undefined) sendRequestErrors(face, response, type, verdict, result.errors ?? []);
  else sendBody(response, 200, type, corsHeaders(verdict), result.errors ? formatResult(face, result) : result);
}

/** Parse, validation and variable errors: nothing was executed. Older clients want 200 with `application/json`. */
function sendRequestErrors(
  face: Face,
  response: ServerResponse,
  type: ResponseType,
  verdict: OriginVerdict,
  errors: readonly unknown[],
): void {
  sendBody(response, type === "application/json" ? 200 : 400, type, corsHeaders(verdict), { errors: formatErrors(face, errors) });
}

function refuse(face: Face, response: ServerResponse, type: ResponseType | null, verdict: OriginVerdict, error: unknown): void {
  const known = toRequestError(face, error, "graphql");
  if (known instanceof UnexpectedError) {
    sendBody(response, 500, type, corsHeaders(verdict), unexpectedBody(known));
    return;
  }
  const { body, headers } = refusal(known);
  const allow = known.status === 405 ? { allow: "POST" } : {};
  sendBody(response, known.status, type, { ...corsHeaders(verdict), ...headers, ...allow }, body);
}

function sendBody(response: ServerResponse, status: number, type: ResponseType | null, headers: object, body: object): void {
  if (response.headersSent || response.destroyed) return;
  const text = JSON.stringify(body);
  const media = type === "application/graphql-response+json" ? type : "application/json";
  response.writeHead(status, {
    ...SECURITY_HEADERS,
    ...headers,
    "content-type": `${media}; charset=utf-8`,
    "content-length": Buffer.byteLength(text),
  });
  response.end(text);
}
