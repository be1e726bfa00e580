import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/**
 * What happened in this process since it began, for Prometheus (by prom-client, which does nothing else and is what the ecosystem uses). One
 * registry a process, because a process is what the numbers are about. Labels are closed lists: never an id, nor what a client can choose.
 */
export const registry = new Registry();
collectDefaultMetrics({ register: registry });

const COUNTERS = {
  http_requests: counter("http_requests_total", "HTTP requests by method, route pattern and status class.", [
    "method",
    "route",
    "status",
  ]),
  graphql_operations: counter(
    "graphql_operations_total",
    "Operations by type; `ok`, `error` (an error at the top level), or `refused` (nothing was executed).",
    ["type", "outcome"],
  ),
  connections: counter(
    "connection_requests_ended_total",
    "Connection requests by the status they ended in, and their FailureCode.",
    ["outcome", "code"],
  ),
  refreshes: counter("refreshes_total", "Refreshes by what came of them (the attempt's outcome, in lower case).", ["outcome"]),
  webhook_deliveries: counter("webhook_deliveries_total", "Attempts to deliver: `delivered`, `retry` or `failed` (given up).", [
    "outcome",
  ]),
  provider_webhooks: counter(
    "provider_webhooks_total",
    "Webhooks of providers: `received`, `challenge`, or why it was refused.",
    ["outcome"],
  ),
  revocations: counter("revocations_total", "Tokens to be ended at a provider (RevocationOutcome, in lower case).", ["outcome"]),
  proxy_calls: counter("proxy_calls_total", "Calls to connectors' APIs by status class of the answer; `none`: there was none.", [
    "status",
  ]),
  proxy_repeats: counter(
    "proxy_repeats_total",
    "Calls sent once more: after a `refresh`, or after a 429's wait (`rate_limit`).",
    ["reason"],
  ),
  refused_tokens: counter("refused_tokens_total", "Tokens that were refused: `unknown`, `revoked` or `expired`.", ["reason"]),
  job_runs: counter("job_runs_total", "Runs of background jobs: `ok` or `failed`.", ["job", "outcome"]),
};

const HISTOGRAMS = {
  http_request: histogram("http_request_duration_seconds", "Until an HTTP request was answered, by route pattern.", ["route"]),
  graphql_operation: histogram("graphql_operation_duration_seconds", "What a query or mutation took.", ["type"]),
  proxy_call: histogram("proxy_call_duration_seconds", "Until a connector's API began to answer, our own part included.", [
    "status",
  ]),
};

type CounterLabels<Name extends keyof typeof COUNTERS> =
  (typeof COUNTERS)[Name] extends Counter<infer Label> ? Record<Label, string> : never;
type HistogramLabels<Name extends keyof typeof HISTOGRAMS> =
  (typeof HISTOGRAMS)[Name] extends Histogram<infer Label> ? Record<Label, string> : never;

/** Counts one. What a transaction decides counts when it has committed: `tx.afterCommit(() => count(…))`. */
export function count<Name extends keyof typeof COUNTERS>(name: Name, labels: CounterLabels<Name>): void {
  (COUNTERS[name] as Counter).inc(labels);
}

/** Notes how long something took. */
export function observe<Name extends keyof typeof HISTOGRAMS>(name: Name, labels: HistogramLabels<Name>, seconds: number): void {
  (HISTOGRAMS[name] as Histogram).observe(labels, seconds);
}

/** A number that is looked up when somebody asks: see http/metrics.ts. */
export function gauge<Label extends string>(name: string, help: string, labels: readonly Label[]): Gauge<Label> {
  return new Gauge({ name: `moorline_${name}`, help, labelNames: labels, registers: [registry] });
}

/** Goes up and down with what this process holds open. */
export const openSubscriptions = gauge("subscriptions_open", "Open subscriptions, on WebSockets and event streams.", []);

/** `204` is `2xx`. */
export function statusClass(status: number): string {
  return `${Math.floor(status / 100)}xx`;
}

function counter<Label extends string>(name: string, help: string, labels: readonly Label[]): Counter<Label> {
  return new Counter({ name: `moorline_${name}`, help, labelNames: labels, registers: [registry] });
}

function histogram<Label extends string>(name: string, help: string, labels: readonly Label[]): Histogram<Label> {
  const buckets = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];
  return new Histogram({ name: `moorline_${name}`, help, labelNames: labels, buckets, registers: [registry] });
}
