import { expect } from "vitest";
import { type CanaryWorld, type Result, startCanaryWorld } from "./canary-world.ts";

/** A world of canaries in which accounts are connected by OAuth. */
export interface OAuthCanaries extends CanaryWorld {
  user: { id: string };
  clientSecret(): string;
  /** A config of a connector of the project's own, with a client of its own, at the provider's address. */
  configOf(slug: string, more?: object): Promise<{ id: string }>;
  /** Begins, and plays the person to the end. */
  connect(authConfigId: string, more?: object): Promise<Result>;
  /** The id of a credential that is ACTIVE. */
  connected(authConfigId: string, more?: object): Promise<string>;
  /** The present state of what a mutation answered with, credential included. */
  requestOf(begun: Result): Promise<RequestState>;
  /** Whatever the API says is the caller's to read. */
  callApi(credentialId: string): Promise<void>;
}

interface RequestState {
  status: string;
  failure: { code: string } | null;
  credential: { id: string; status: string } | null;
}

export async function startOAuthCanaries(): Promise<OAuthCanaries> {
  const world = await startCanaryWorld();
  const user = { id: (await world.mutate("upsertUser", { externalId: "ada" })).user!.id };
  const { secret } = await world.mutateAside("createWebhook", { url: `${world.provider.url}/hook` });
  world.canaries.add("webhook secret", secret);

  async function configOf(slug: string, more: object = {}) {
    const { url } = world.provider;
    const { connector } = await world.mutate("createConnector", {
      slug,
      name: slug,
      baseUrl: `${url}/api`,
      verification: { method: "GET", path: "/me" },
      scheme: {
        oauth2: {
          authorizationUrl: `${url}/authorize`,
          tokenUrl: `${url}/token`,
          revocationUrl: `${url}/revoke`,
          userinfoUrl: `${url}/userinfo`,
          deviceAuthorizationUrl: `${url}/device`,
          accountIdPath: "id",
        },
      },
    });
    expect(connector, slug).toBeTruthy();
    const client = { clientId: "client", clientSecret: clientSecret() };
    return (await world.mutate("createAuthConfig", { connectorSlug: slug, name: slug, ...client, ...more })).authConfig!;
  }

  const clientSecret = () => world.canaries.mint("client secret", (core) => `${core}+/=&"<%41`);

  async function connect(authConfigId: string, more: object = {}): Promise<Result> {
    const begun = await world.mutate("initiateConnection", { target: { authConfigId }, user, ...more });
    const link = begun.connectionRequest?.authorizationUrl as string | null | undefined;
    expect(link, JSON.stringify(begun)).toBeTruthy();
    await world.walk(link!);
    return begun;
  }

  async function requestOf(begun: Result) {
    const query =
      "query ($id: ID!) { connectionRequest(id: $id) { status failure { code providerCode providerMessage } credential { id status } } }";
    return (await world.ask(query, { id: begun.connectionRequest!.id })).connectionRequest as RequestState;
  }

  async function connected(authConfigId: string, more: object = {}): Promise<string> {
    const request = await requestOf(await connect(authConfigId, more));
    expect(request, JSON.stringify(request)).toMatchObject({ status: "ACTIVE" });
    return request.credential!.id;
  }

  async function callApi(credentialId: string): Promise<void> {
    const { app } = world;
    await world.aside(async () => {
      const headers = { authorization: `Bearer ${app.adminKey}`, "moorline-credential": credentialId };
      const answer = await fetch(`${app.url}/proxy/things`, { headers }).catch(() => null);
      await answer?.text().catch(() => "");
    });
  }

  return { ...world, user, clientSecret, configOf, connect, connected, requestOf, callApi };
}
