import { ask, CREATE_CONFIG, CREATE_CONNECTOR, payload } from "./graphql.ts";
import type { Extent } from "./options.ts";
import type { Measure } from "./report.ts";
import type { SandboxProcess } from "./sandbox.ts";
import { API_KEY, RETURN_URL, type Stage } from "./stage.ts";

/** How many people go through their flow at the same time. */
const PEOPLE = 8;
const WARM_UP_MS = 1_500;

/** (d): initiate, sign in, consent, callback, ACTIVE, with the sandbox as the project's own connector. */
export async function measureFlows(stage: Stage, { flowMs }: Extent): Promise<Measure> {
  const { server, load, url, projectId } = stage;
  const sandbox = stage.start<SandboxProcess>("sandbox.ts");
  const { issuer, clientId, clientSecret } = await sandbox.call("where", undefined);
  const scheme = { oauth2: { issuer, scopes: ["openid", "profile", "email", "offline_access"] } };
  const created = await ask(url, API_KEY, CREATE_CONNECTOR, { input: { slug: "bench-sandbox", name: "Sandbox", scheme } });
  const { connector } = payload(created.createConnector, "CreateConnectorPayload");
  await sandbox.call("setRedirectUri", connector.redirectUri!);
  const input = { connectorSlug: connector.slug, name: "Flows", clientId, clientSecret };
  const { createAuthConfig } = await ask(url, API_KEY, CREATE_CONFIG, { input });
  const authConfigId = payload(createAuthConfig, "CreateAuthConfigPayload").authConfig.id;
  const { userIds } = await server.call("seedCredentials", { projectId, count: 200 });

  const flows = { url, key: API_KEY, authConfigId, userIds, returnUrl: RETURN_URL, concurrency: PEOPLE };
  await load.call("runFlows", { ...flows, durationMs: WARM_UP_MS });
  const result = await load.call("runFlows", { ...flows, durationMs: flowMs });
  return { case: "d", database: stage.dialect, ...result, ratio: null, rssMb: await server.call("rssMb", undefined) };
}
