import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { cp, mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GraphQLBoolean, GraphQLInt, GraphQLNonNull, GraphQLObjectType, GraphQLSchema, GraphQLString } from "graphql";
import { inject } from "vitest";
import { createCatalogue } from "../../src/catalogue/index.ts";
import { openDatabase } from "../../src/db/database.ts";
import { ensureFirstProject } from "../../src/domain/bootstrap.ts";
import { REFRESH_LIMITS } from "../../src/domain/refresh-schedule.ts";
import type { Services } from "../../src/domain/services.ts";
import { mintToken } from "../../src/domain/tokens.ts";
import { createEgress } from "../../src/egress/index.ts";
import { CHANNEL } from "../../src/events/announce.ts";
import { openHub } from "../../src/events/hub.ts";
import type { GraphQLContext } from "../../src/graphql/context.ts";
import type { HttpOptions } from "../../src/http/options.ts";
import { createHttpServer } from "../../src/http/server.ts";
import { newId } from "../../src/lib/ids.ts";
import { createLogger } from "../../src/lib/log.ts";
import { openVault } from "../../src/vault/vault.ts";

export const FRONT_END = "https://app.example.com";

/**
 * The HTTP face on a database, under a schema of its own: what it does with operations, streams and sockets can be tried out without
 * any entity, misbehaving fields included.
 */
export async function startHttpFace(options: Partial<HttpOptions> = {}) {
  const dataDirectory = await mkdtemp(join(tmpdir(), "moorline-http-"));
  await cp(inject("migratedDirectory"), dataDirectory, { recursive: true });
  const database = await openDatabase({ url: null, dataDirectory });
  const { token: apiKey } = mintToken("mlk_");
  const { projectId } = await ensureFirstProject(database, {
    bootstrapApiKey: apiKey,
    allowedReturnUrls: [],
    corsOrigins: [FRONT_END],
  });
  let publicUrl = "http://127.0.0.1:0";
  const services: Services = {
    database,
    hub: await openHub(database),
    vault: await openVault(database, [randomBytes(32)]),
    catalogue: createCatalogue([]),
    egress: createEgress({ allow: [] }),
    log: createLogger(process.env.MOORLINE_LOG_LEVEL ?? "silent"),
    get publicUrl() {
      return publicUrl;
    },
    managedApps: new Map(),
    refreshLimits: REFRESH_LIMITS,
    probeTimeoutMs: 10_000,
    allowHttp: () => true,
  };
  const trace = { slowSourceEnded: 0 };
  const http = createHttpServer(services, { schema: testSchema(trace), exploration: true, ...options });
  http.server.listen(0, "127.0.0.1");
  await once(http.server, "listening");
  publicUrl = `http://127.0.0.1:${(http.server.address() as AddressInfo).port}`;

  async function close(): Promise<void> {
    await http.close(1_000);
    await services.hub.close();
    await services.egress.close();
    await database.close();
    await rm(dataDirectory, { recursive: true, force: true, maxRetries: 5, retryDelay: 50 });
  }

  return { url: publicUrl, services, apiKey, projectId, trace, http, close, newSession: () => newSession(services, projectId) };
}

export type HttpFace = Awaited<ReturnType<typeof startHttpFace>>;

async function newSession(services: Services, projectId: string, lifeMs = 3_600_000) {
  const { token, hash } = mintToken("mls_");
  const now = await services.database.now();
  const userId = newId();
  const id = newId();
  const { prisma } = services.database;
  await prisma.user.create({ data: { id: userId, projectId, externalId: userId } });
  await prisma.userSession.create({ data: { id, projectId, userId, hash, expiresAt: new Date(now.getTime() + lifeMs) } });
  return {
    token,
    async expireIn(ms: number) {
      await prisma.userSession.update({
        where: { id },
        data: { expiresAt: new Date((await services.database.now()).getTime() + ms) },
      });
    },
    async revoke() {
      await services.database.transact(async (tx) => {
        await tx.userSession.update({ where: { id }, data: { revokedAt: tx.now } });
        await tx.$executeRaw`SELECT pg_notify(${CHANNEL}, ${`token:${id}`})`;
      });
    },
  };
}

function testSchema(trace: { slowSourceEnded: number }): GraphQLSchema {
  const string = { type: new GraphQLNonNull(GraphQLString) };
  async function* ticks(_source: unknown, { count, bytes }: { count: number; bytes: number }) {
    for (let index = 1; index <= count; index++) yield { tick: `${index} ${"x".repeat(bytes)}` };
  }
  async function* silence(
    _source: unknown,
    _args: unknown,
    _context: unknown,
    info: { getAbortSignal(): AbortSignal | undefined },
  ) {
    const signal = info.getAbortSignal()!;
    try {
      yield { silence: "began" };
      if (!signal.aborted) await once(signal, "abort");
    } finally {
      trace.slowSourceEnded += 1;
    }
  }
  return new GraphQLSchema({
    query: new GraphQLObjectType<unknown, GraphQLContext>({
      name: "Query",
      fields: {
        role: { ...string, resolve: (_source, _args, { caller }) => caller.role },
        broken: { type: GraphQLString, resolve: () => Promise.reject(new Error("connect ECONNREFUSED db.internal:5432")) },
        echo: { type: GraphQLString, args: { text: string }, resolve: (_source, { text }) => text },
        never: { type: GraphQLBoolean, resolve: () => new Promise(() => {}) },
        later: {
          type: GraphQLBoolean,
          args: { ms: { type: new GraphQLNonNull(GraphQLInt) } },
          resolve: (_source, { ms }) => new Promise((resolve) => setTimeout(resolve, ms, true)),
        },
      },
    }),
    mutation: new GraphQLObjectType({ name: "Mutation", fields: { change: { type: GraphQLBoolean, resolve: () => true } } }),
    subscription: new GraphQLObjectType({
      name: "Subscription",
      fields: {
        tick: {
          ...string,
          args: { count: { type: GraphQLInt, defaultValue: 3 }, bytes: { type: GraphQLInt, defaultValue: 0 } },
          subscribe: ticks as never,
        },
        silence: { ...string, subscribe: silence as never },
      },
    }),
  });
}
