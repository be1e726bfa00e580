import { generateKeyPairSync, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { jwtVerify } from "jose";
import type { ConnectorDefinition } from "../../src/catalogue/types.ts";

interface Installation {
  account: { id: number; login: string };
  /** Who may use it. */
  users: string[];
  suspended: boolean;
}

/** A provider with apps that are installed, in the manner of GitHub's: it checks the app's signature, the person's code and every token. */
export interface AppProvider extends AsyncDisposable {
  url: string;
  /** As the config takes it: client id, private key, and the client secret that is preset. */
  app: {
    clientId: string;
    clientSecret: string;
    presetCredentialFields: { userSecret: string };
    parameters: { appSlug: string };
  };
  installations: Map<string, Installation>;
  /** What the provider's browser page does next: who is signed in there, and what they come back with. */
  page: { user: string; installation: string | null; withCode: boolean; error: string | null };
  /** What was asked for, with its status. */
  seen: string[];
  /** Installation tokens that the API takes. */
  live: Map<string, string>;
  /** The app's callback URL, as it is registered there. */
  callbackUrl: string;
  /** Answers everything that the app asks for with this. */
  outage: { status: number; headers?: Record<string, string> } | null;
  /** The app gets another key: JWTs of the old one are refused from now on. */
  rotateKey(): string;
  connector(definition: ConnectorDefinition, slug: string): ConnectorDefinition;
}

export async function startAppProvider(): Promise<AppProvider> {
  const codes = new Map<string, string>();
  const people = new Map<string, string>();
  let key = newKey();

  async function isApp(bearer: string): Promise<boolean> {
    try {
      const { payload } = await jwtVerify(bearer, key.publicKey, { algorithms: ["RS256"], issuer: provider.app.clientId });
      const now = Date.now() / 1000;
      return payload.iat! <= now - 30 && payload.exp! <= now + 600;
    } catch {
      return false;
    }
  }

  async function serve(request: IncomingMessage, response: ServerResponse): Promise<ServerResponse> {
    const url = new URL(request.url!, provider.url);
    const { pathname } = url;
    const send = (status: number, body: object, headers: Record<string, string> = {}) => {
      provider.seen.push(`${request.method} ${pathname} ${status}`);
      return response.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
    };
    if (pathname === `/apps/${provider.app.parameters.appSlug}/installations/new`) return installed(url, response);
    const bearer = request.headers.authorization?.replace(/^Bearer /, "") ?? "";
    if (pathname === "/login/oauth/access_token") {
      const form = new URLSearchParams(await text(request));
      const { app } = provider;
      if (form.get("client_id") !== app.clientId || form.get("client_secret") !== app.presetCredentialFields.userSecret)
        return send(200, { error: "incorrect_client_credentials", error_description: "The client secret is another." });
      const user = codes.get(form.get("code") ?? "");
      codes.delete(form.get("code") ?? "");
      if (!user) return send(200, { error: "bad_verification_code" });
      const token = `ghu_${randomBytes(12).toString("hex")}`;
      people.set(token, user);
      return send(200, { access_token: token, token_type: "bearer", scope: "" });
    }
    const [, asked] = /^\/user\/installations\/(\d+)\/repositories$/.exec(pathname) ?? [];
    if (asked) {
      const isTheirs = provider.installations.get(asked)?.users.includes(people.get(bearer) ?? "") ?? false;
      return send(isTheirs ? 200 : 404, {});
    }
    if (pathname === "/installation/repositories") {
      const known = provider.live.has(bearer);
      return send(known ? 200 : 401, { total_count: 0 });
    }
    const [, id = "", action] = /^\/app\/installations\/(\d+)(\/access_tokens)?$/.exec(pathname) ?? [];
    if (provider.outage) return send(provider.outage.status, { message: "Later." }, provider.outage.headers);
    if (!(await isApp(bearer))) return send(401, { message: "A JSON web token could not be decoded" });
    const found = provider.installations.get(id);
    if (!found) return send(404, { message: "Not Found" });
    if (action === undefined) return send(200, { id: Number(id), account: found.account });
    if (found.suspended) return send(403, { message: "This installation has been suspended" });
    const token = `ghs_${randomBytes(12).toString("hex")}`;
    provider.live.set(token, id);
    return send(201, { token, expires_at: new Date(Date.now() + 3_600_000).toISOString(), permissions: { contents: "read" } });
  }

  /** The person has decided on the provider's page, and goes back. */
  function installed({ searchParams }: URL, response: ServerResponse): ServerResponse {
    const { user, installation, withCode, error } = provider.page;
    const back = new URL(provider.callbackUrl);
    back.searchParams.set("state", searchParams.get("state") ?? "");
    if (error) back.searchParams.set("error", error);
    if (installation) back.searchParams.set("installation_id", installation);
    if (withCode) {
      const code = randomBytes(10).toString("hex");
      codes.set(code, user);
      back.searchParams.set("code", code);
    }
    back.searchParams.set("setup_action", installation ? "install" : "request");
    return response.writeHead(302, { location: back.href }).end();
  }

  const server = createServer((request, response) => {
    serve(request, response).catch((error) => response.writeHead(500).end(String(error)));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider: AppProvider = {
    url,
    app: {
      clientId: "Iv1.a629723000043722",
      clientSecret: key.pem,
      presetCredentialFields: { userSecret: "user-secret-0123456789" },
      parameters: { appSlug: "acme-sync" },
    },
    installations: new Map(),
    page: { user: "ada", installation: null, withCode: true, error: null },
    seen: [],
    live: new Map(),
    callbackUrl: "",
    outage: null,
    rotateKey() {
      key = newKey();
      return key.pem;
    },
    connector: (definition, slug) => {
      const moved = JSON.stringify({ ...definition, slug }).replaceAll(/https:\/\/(?:api\.)?github\.com/g, url);
      return JSON.parse(moved) as ConnectorDefinition;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  return provider;
}

function newKey() {
  const { publicKey, privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  // As GitHub gives it out.
  return { publicKey, pem: String(privateKey.export({ type: "pkcs1", format: "pem" })) };
}
