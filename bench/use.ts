import type { ApiProcess } from "./api.ts";
import { ask, CREATE_CONFIG, CREATE_CONNECTOR, IMPORT, payload, REFRESH } from "./graphql.ts";
import type { Load } from "./load.ts";
import type { LoadResult } from "./load-requests.ts";
import type { Case, Extent } from "./options.ts";
import type { Remote } from "./process.ts";
import type { Measure } from "./report.ts";
import type { Server } from "./server.ts";
import { API_KEY, type Stage } from "./stage.ts";
import { median } from "./statistics.ts";

/** Credentials that are refreshed again and again, in turn: more than there are connections, so that no two meet at one. */
const CREDENTIALS = 200;
const HEADERS = { accept: "application/json", authorization: `Bearer ${API_KEY}` };

/** (f): the same API directly and through the proxy, round by round. */
export async function measureProxy(stage: Stage, cases: ReadonlySet<Case>, extent: Extent): Promise<Measure[]> {
  const { load, dialect } = stage;
  const { apiUrl, credentialIds } = await connect(stage, 1);
  const headers = { authorization: `Bearer ${API_KEY}`, "moorline-credential": credentialIds[0]! };
  const common = { method: "GET" as const, payloads: [""], marker: '"name":"Ada"', connections: extent.connections };
  const direct = { ...common, url: `${apiUrl}/me`, headers: { authorization: "Bearer direct" } };
  const proxied = { ...common, url: `${stage.url}/proxy/me`, headers };
  for (const each of [direct, proxied]) await load.call("runRequests", { ...each, durationMs: extent.warmUpMs });
  const rounds: { direct: LoadResult; proxied: LoadResult }[] = [];
  for (let round = 0; round < extent.rounds; round += 1) {
    const durationMs = extent.roundMs;
    rounds.push({
      direct: await load.call("runRequests", { ...direct, durationMs }),
      proxied: await load.call("runRequests", { ...proxied, durationMs }),
    });
  }
  const rssMb = await stage.server.call("rssMb", undefined);
  const measure = (name: Case, key: "direct" | "proxied"): Measure => ({
    case: name,
    database: dialect,
    rps: median(rounds.map((round) => round[key].rps)),
    p50Ms: median(rounds.map((round) => round[key].p50Ms)),
    p99Ms: median(rounds.map((round) => round[key].p99Ms)),
    ratio: key === "direct" ? null : median(rounds.map((round) => round.proxied.rps / round.direct.rps)),
    rssMb,
  });
  return [measure("f-direct", "direct"), measure("f", "proxied")].filter((each) => cases.has(each.case));
}

/** (g): forced refreshes, each a token request, a sealed answer and a commit, with one process and with three on one database. */
export async function measureRefreshes(stage: Stage, cases: ReadonlySet<Case>, extent: Extent): Promise<Measure[]> {
  const { dialect } = stage;
  const { credentialIds } = await connect(stage, CREDENTIALS);
  const measures: Measure[] = [];
  for (const [name, processes] of [["g-1", 1] as const, ["g-3", 3] as const]) {
    // An embedded database belongs to one process.
    if (!cases.has(name) || (processes > 1 && dialect === "pglite")) continue;
    const others = Array.from({ length: processes - 1 }, () => stage.start<Server>("server.ts", stage.environment));
    const urls = [stage.url, ...(await Promise.all(others.map(async (other) => (await other.call("where", undefined)).url)))];
    await refreshAll(stage.load, urls, credentialIds, extent, extent.warmUpMs);
    const result = await refreshAll(stage.load, urls, credentialIds, extent, extent.flowMs);
    measures.push({ case: name, database: dialect, ...result, ratio: null, rssMb: await stage.server.call("rssMb", undefined) });
    for (const other of others) await other.stop();
  }
  return measures;
}

/** Each process has its own share of the credentials: two of them at one credential would wait for each other. */
async function refreshAll(load: Remote<Load>, urls: string[], ids: string[], { connections }: Extent, durationMs: number) {
  const results = await Promise.all(
    urls.map((url, place) =>
      load.call("runRequests", {
        url: `${url}/graphql`,
        method: "POST" as const,
        headers: HEADERS,
        payloads: ids
          .filter((_id, index) => index % urls.length === place)
          .map((id) => JSON.stringify({ query: String(REFRESH), variables: { id } })),
        marker: '"RefreshCredentialPayload"',
        connections: Math.floor(connections / urls.length),
        durationMs,
      }),
    ),
  );
  return {
    rps: results.reduce((sum, { rps }) => sum + rps, 0),
    p50Ms: median(results.map(({ p50Ms }) => p50Ms)),
    p99Ms: median(results.map(({ p99Ms }) => p99Ms)),
  };
}

/** A third party of the project's own, and grants of it. */
async function connect(stage: Stage, count: number): Promise<{ apiUrl: string; credentialIds: string[] }> {
  const api = stage.start<ApiProcess>("api.ts");
  const { url: apiUrl } = await api.call("where", undefined);
  const oauth2 = { authorizationUrl: `${apiUrl}/authorize`, tokenUrl: `${apiUrl}/token` };
  const connector = { slug: "bench-api", name: "API", baseUrl: apiUrl, scheme: { oauth2 } };
  const { createConnector } = await ask(stage.url, API_KEY, CREATE_CONNECTOR, { input: connector });
  payload(createConnector, "CreateConnectorPayload");
  const config = { connectorSlug: "bench-api", name: "Use", clientId: "bench", clientSecret: "secret" };
  const { createAuthConfig } = await ask(stage.url, API_KEY, CREATE_CONFIG, { input: config });
  const authConfigId = payload(createAuthConfig, "CreateAuthConfigPayload").authConfig.id;
  const credentialIds: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const expiresAt = new Date(Date.now() + 3_600_000).toISOString();
    const fields = { accessToken: `imported-${index}`, refreshToken: `refresh-${index}`, expiresAt };
    const input = { target: { authConfigId }, projectOwned: true, label: `Account ${index}`, fields };
    const { importCredential } = await ask(stage.url, API_KEY, IMPORT, { input });
    credentialIds.push(payload(importCredential, "ImportCredentialPayload").credential.id);
  }
  return { apiUrl, credentialIds };
}
