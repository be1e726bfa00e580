import type { IncomingMessage, ServerResponse } from "node:http";
import type { ExecutionResult } from "graphql";
import { authenticate, type Held } from "../domain/authenticate.ts";
import type { Caller } from "../domain/caller.ts";
import { RequestError } from "../lib/errors.ts";
import { spokenLanguage } from "../words/index.ts";
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
import { requestSession } from "./session-cookie.ts";
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
      refuse(face, { response, type, verdict, locale: localeOf(request) }, error);
    }
  }

  async function run(
    { request, response }: Hit,
    verdict: OriginVerdict,
    type: ResponseType,
    parameters: GraphQLParameters,
  ): Promise<void> {
    const held = heldBy(request, verdict);
    const caller = await login(request, held, parameters);
    if (caller) cors.assertCaller(verdict, caller);
    const preparation = prepare(face, parameters);
    const reply = { response, type, verdict, locale: caller ? caller.locale : localeOf(request) };
    if ("errors" in preparation) return sendRequestErrors(face, reply, preparation.errors);
    const { prepared } = preparation;
    assertTransport(request, type, preparation);
    if (type === "text/event-stream" && caller) {
      return streams.open({ response, headers: corsHeaders(verdict), prepared, parameters, caller, held });
    }
    const result = await executeWithinLimit(face, prepared, parameters, caller);
    sendResult(face, reply, result);
  }

  function heldBy(request: IncomingMessage, verdict: OriginVerdict): Held {
    const { authorization = null } = request.headers;
    return { authorization, cookie: requestSession(request, verdict, face.services.publicUrl) };
  }

  /** Null: a stranger who asks for nothing but the schema, where the operator lets people explore (GraphiQL draws it before a key is entered). */
  async function login(request: IncomingMessage, held: Held, parameters: GraphQLParameters): Promise<Caller | null> {
    try {
      return await authenticate(face.services, {
        ...held,
        ip: face.clientIp(request),
        locale: localeOf(request),
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
        refuse(face, { response, type: null, verdict: { kind: "none" }, locale: localeOf(request) }, error);
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

/** Where an answer goes, and how. */
interface Reply {
  response: ServerResponse;
  type: ResponseType | null;
  verdict: OriginVerdict;
  locale: string | null;
}

function localeOf(request: IncomingMessage): string | null {
  return spokenLanguage(request.headers["accept-language"]);
}

function sendResult(face: Face, reply: Reply, result: ExecutionResult): void {
  if (result.data === undefined) sendRequestErrors(face, reply, result.errors ?? []);
  else sendBody(reply, 200, corsHeaders(reply.verdict), result.errors ? formatResult(face, result, reply.locale) : result);
}

/** Parse, validation and variable errors: nothing was executed. Older clients want 200 with `application/json`. */
function sendRequestErrors(face: Face, reply: Reply, errors: readonly unknown[]): void {
  const { type, verdict, locale } = reply;
  const body = { errors: formatErrors(face, errors, locale) };
  sendBody(reply, type === "application/json" ? 200 : 400, corsHeaders(verdict), body);
}

function refuse(face: Face, reply: Reply, error: unknown): void {
  const { verdict, locale } = reply;
  const known = toRequestError(face, error, "graphql");
  if (known instanceof UnexpectedError) {
    sendBody(reply, 500, corsHeaders(verdict), unexpectedBody(known, locale));
    return;
  }
  const { body, headers } = refusal(known, locale);
  const allow = known.status === 405 ? { allow: "POST" } : {};
  sendBody(reply, known.status, { ...corsHeaders(verdict), ...headers, ...allow }, body);
}

function sendBody({ response, type }: Reply, status: number, headers: object, body: object): void {
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
