import { type Attributes, context, propagation, type Span, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";

/**
 * Traces by OpenTelemetry, where one of its own variables names an exporter; without one nothing of its SDK is loaded and a span costs
 * nothing. Attributes are closed lists, hosts and numbers: never a path, a query, a document or an id of ours.
 */
let on = false;

const KINDS = { SERVER: SpanKind.SERVER, CLIENT: SpanKind.CLIENT, INTERNAL: SpanKind.INTERNAL };

export interface SpanOptions {
  kind?: keyof typeof KINDS;
  attributes?: Attributes;
  /** `traceparent` and `tracestate` of an incoming request (W3C Trace Context). */
  parent?: Record<string, string | string[] | undefined>;
}

/** True where OTEL_EXPORTER_OTLP_ENDPOINT or OTEL_EXPORTER_OTLP_TRACES_ENDPOINT is set and OTEL_SDK_DISABLED is not `true`. */
export function isTracingConfigured(env: Record<string, string | undefined>): boolean {
  const endpoint = env.OTEL_EXPORTER_OTLP_ENDPOINT || env.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT;
  return Boolean(endpoint) && env.OTEL_SDK_DISABLED?.toLowerCase() !== "true" && env.OTEL_TRACES_EXPORTER !== "none";
}

/** Registers the SDK for this process, which reads the other OTEL_… variables itself. Returns what sends the rest and stops it. */
export async function startTracing(env: Record<string, string | undefined>): Promise<() => Promise<void>> {
  const [{ TracerProvider, BatchSpanProcessor }, { OTLPTraceExporter }, { AsyncLocalStorageContextManager }, resources, core] =
    await Promise.all([
      import("@opentelemetry/sdk-trace"),
      import("@opentelemetry/exporter-trace-otlp-http"),
      import("@opentelemetry/context-async-hooks"),
      import("@opentelemetry/resources"),
      import("@opentelemetry/core"),
    ]);
  const named = resources.detectResources({ detectors: [resources.envDetector] });
  const resource = resources.resourceFromAttributes({ "service.name": env.OTEL_SERVICE_NAME || "moorline" }).merge(named);
  const processor = new BatchSpanProcessor({ exporter: new OTLPTraceExporter() });
  const provider = new TracerProvider({ resource, spanProcessors: [processor] });
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
  trace.setGlobalTracerProvider(provider);
  on = true;
  return async () => {
    on = false;
    await provider.shutdown();
    for (const api of [trace, context, propagation]) api.disable();
  };
}

/** Runs `work` in a span of that name; a rejection marks it as an error, by the error's name alone. `work` may set further attributes. */
export function inSpan<Result>(
  name: string,
  options: SpanOptions,
  work: (span: Span | null) => Promise<Result>,
): Promise<Result> {
  if (!on) return work(null);
  const { kind = "INTERNAL", attributes = {}, parent } = options;
  const around = parent ? propagation.extract(context.active(), parent) : context.active();
  return trace.getTracer("moorline").startActiveSpan(name, { kind: KINDS[kind], attributes }, around, async (span) => {
    try {
      return await work(span);
    } catch (error) {
      span.setAttribute("error.type", error instanceof Error ? error.name : typeof error);
      span.setStatus({ code: SpanStatusCode.ERROR });
      throw error;
    } finally {
      span.end();
    }
  });
}

/** The same for work that may have its result at once. */
export function traced<Result>(
  name: string,
  options: SpanOptions,
  work: () => Result | Promise<Result>,
): Result | Promise<Result> {
  return on ? inSpan(name, options, async () => work()) : work();
}
