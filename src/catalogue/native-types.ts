import type { FieldCondition, FieldDefinition } from "./field-types.ts";
import type { SchemeBase } from "./scheme-base.ts";

/** A protocol of its own: a database, a broker, a store. A credential is what was typed; a probe connects with it and asks one question. */
export interface NativeSchemeDefinition extends SchemeBase {
  type: "NATIVE";
  /** Name of the protocol family, src/probes/index.ts. One that is not there (yet) cannot be tested. */
  probe: string;
  fields: FieldDefinition[];
  /** The fields that say where secrets go: who changes one of them types the secrets again (design 5.14). */
  address: string[];
  /** What is the same for every user of this connector, and no field. */
  constants?: Record<string, string>;
  /** For the families that speak HTTP: the one harmless call, the first that fits what was typed. */
  requests?: ProbeRequest[];
}

/** A call that proves something. Templates are `{connection.x}` and `{connection.x|default}`. */
export interface ProbeRequest {
  /** Fits while every condition holds, and every value in its URL and body is there. */
  when?: FieldCondition[];
  /** Asked first, by a form (RFC 6749): the `access_token` of its answer is `{connection.accessToken}` then. */
  token?: { url: string; parameters: Record<string, string> };
  /** Default GET. */
  method?: "GET" | "POST" | "HEAD" | "OPTIONS" | "PROPFIND";
  /** Where: a URL field and a path behind it, or a complete template. */
  url: string;
  /** The first whose fields are all filled, and whose condition holds, is applied; none where none does. */
  login?: ProbeLogin[];
  headers?: Record<string, string>;
  /** A JSON field that holds further headers by name. */
  headersFrom?: string;
  query?: Record<string, string>;
  /** A text as it is, anything else as JSON. */
  body?: unknown;
  /** Default: any 2xx. */
  expectedStatus?: number[];
  /** What the JSON answer holds when it is well, where the status does not tell; without `equals` anything. `otherwise`: what it means if not. */
  expectedBody?: { path: string; equals?: string | number | boolean; otherwise?: ProbeMeaning };
  /** By status: what it means here, where that is not what HTTP says. */
  meanings?: Record<string, ProbeMeaning>;
}

/** Either HTTP Basic (RFC 7617), or a header of this name. */
export interface ProbeLogin {
  when?: FieldCondition[];
  basic?: { username: string; password: string };
  header?: { name: string; value: string };
}

/** The TestCodes that an HTTP status can mean. */
export type ProbeMeaning = "INVALID_CREDENTIALS" | "PERMISSION_DENIED" | "RESOURCE_NOT_FOUND" | "RATE_LIMITED" | "PROVIDER_ERROR";
