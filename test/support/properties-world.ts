import { JOB_NAMES } from "../../src/jobs/index.ts";
import { decodeId, encodeId, ID_PREFIXES, type NodeType, newId } from "../../src/lib/ids.ts";
import { FRONT_END, RETURN_URL, startTestApp, type TestApp } from "./app.ts";
import { run } from "./graphql.ts";
import { CASES } from "./matrix-cases.ts";
import { type Kind, makeWorld, type Side, type World } from "./matrix-world.ts";
import { idRef } from "./properties-refs.ts";
import { createConfig } from "./seed.ts";

/** Who sends the inputs. */
export const CALLERS = ["ADMIN", "DEVELOPER", "own session", "ADMIN of the operator"] as const;
export type CallerName = (typeof CALLERS)[number];

/** For these no input alone leads to a success: a browser has to come first. */
export const NEEDS_MORE = ["confirmConnection"];

/** Public ids of rows that are there, by type. */
type Pool = Record<string, string[]>;

interface Pools {
  own: Pool;
  foreign: Pool;
}

export interface PropertyWorld extends World {
  /** An input with its references replaced by what they stand for now. `root`: what is deleted spares whom the test itself needs. */
  resolve(root: string, caller: CallerName, value: unknown): Promise<unknown>;
  /** Good arguments of a mutation; null: none are known. */
  goodInput(root: string, caller: CallerName): object | null;
  /** After a success of `root`: what it used up is made anew. */
  mend(root: string): Promise<void>;
}

/** The world of the matrix, furnished with typed credentials and webhooks. No job runs: nothing changes but by a request. */
export async function startPropertyWorld(): Promise<PropertyWorld> {
  const app = await startTestApp({ MOORLINE_SKIP_JOBS: JOB_NAMES.join(","), MOORLINE_EGRESS_ALLOW: "127.0.0.1" });
  const world = await makeWorld(app);
  const furniture = await furnish(app, world.home);
  await furnish(app, world.other);
  const kept = new Set([...Object.values(furniture), ...(await keysOf(world))]);
  const known = new Map<CallerName, Pools>();
  const uuidOf = (side: Side) => decodeId("Project", side.ids.Project)!;

  async function poolsOf(caller: CallerName): Promise<Pools> {
    const pools = known.get(caller) ?? {
      own: await poolOf(app, caller.endsWith("operator") ? await operatorProject(app) : uuidOf(world.home)),
      foreign: await poolOf(app, uuidOf(world.other)),
    };
    // The operator's keys see every project: a spare one is theirs to delete.
    if (caller.endsWith("operator")) pools.own.Project = [world.home.ids.SpareProject, world.other.ids.SpareProject];
    known.set(caller, pools);
    return pools;
  }

  async function resolve(root: string, caller: CallerName, value: unknown): Promise<unknown> {
    const pools = await poolsOf(caller);
    const isEnding = /\.(delete|revoke)/.test(root);
    return replace(value, (whose, kind, nth) => {
      if (whose === "word") return isEnding && kind === "externalId" ? newId() : wordOf(world, kind);
      if (whose === "absent") return encodeId(kind as NodeType, newId());
      const all = (whose === "own" ? pools.own : pools.foreign)[kind] ?? [];
      const free = isEnding ? all.filter((id) => !isNeeded(world, id) && !kept.has(id)) : all;
      return free[nth % Math.max(1, free.length)] ?? encodeId(kind as NodeType, newId());
    });
  }

  function goodInput(root: string, caller: CallerName): object | null {
    const isSession = caller === "own session";
    const input = typedInputs(furniture.AuthConfig, isSession)[root] ?? CASES[root]?.variables?.(world.home.ids, isSession).input;
    return (input as object | undefined) ?? null;
  }

  async function mend(root: string): Promise<void> {
    known.clear();
    const { consumes } = CASES[root] ?? {};
    // No job finishes it here, and while it runs there is no other.
    if (root.endsWith("rotateKeys"))
      await app.services.database.query(
        "test_rotated",
        `UPDATE "KeyRotation" SET "status" = 'DONE', "finishedAt" = moorline_now()`,
        [],
      );
    if (consumes && /\.(cancel|delete|retry|revoke|submit)/.test(root)) await world.home.renew(consumes);
  }

  return { ...world, resolve, goodInput, mend };
}

/** The matrix connects what needs no values: here there is one to type. */
function typedInputs(authConfigId: string, isSession: boolean): Record<string, object> {
  const target = { authConfigId };
  const owner = isSession ? {} : { user: { id: idRef("own", "User") } };
  const fields = { apiKey: "key-0123456789" };
  return {
    "Mutation.createCredential": { target, ...owner, fields },
    "Mutation.importCredential": { target, ...owner, fields },
    "Mutation.tryCredential": { target, fields },
  };
}

/** The ids of the keys that the inputs are sent with. */
async function keysOf({ app, callers }: World): Promise<string[]> {
  const viewers = CALLERS.map((caller) =>
    run<{ viewer: { apiKey: { id: string } | null } }, object>(app, callers[caller]!, "{ viewer { apiKey { id } } }"),
  );
  return (await Promise.all(viewers)).flatMap(({ viewer }) => (viewer.apiKey ? [viewer.apiKey.id] : []));
}

/** Without these the inputs that follow would only ever be refused. */
function isNeeded({ home, other }: World, id: string): boolean {
  const kinds: Kind[] = ["Project", "ApiKey", "User", "AuthConfig", "Credential", "Connector"];
  return [home, other].some(({ ids }) => kinds.some((kind) => ids[kind] === id));
}

const REFERENCE = /^@\{(\w+) (\w+) (\d+)\}$/;

function replace(value: unknown, meaning: (whose: string, kind: string, nth: number) => unknown): unknown {
  if (typeof value === "string") {
    const [, whose, kind, nth] = REFERENCE.exec(value) ?? [];
    return whose ? meaning(whose, kind!, Number(nth)) : value;
  }
  if (Array.isArray(value)) return value.map((item) => replace(item, meaning));
  if (typeof value !== "object" || value === null || !isShallow(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, replace(member, meaning)]));
}

/** The deep ones hold no references. */
function isShallow(value: object): boolean {
  return !("deeper" in value);
}

function wordOf({ app, home }: World, name: string): string {
  const words: Record<string, string> = {
    slug: home.ids.UsedSlug,
    ownSlug: home.ids.Slug,
    externalId: home.ids.ExternalId,
    returnUrl: RETURN_URL,
    origin: FRONT_END,
    api: `${app.sandbox!.issuer}/api`,
    url: `${app.sandbox!.issuer}/hook`,
    fresh: `fresh-${newId().slice(-12)}`,
    verification: newId(),
  };
  return words[name]!;
}

async function operatorProject(app: TestApp): Promise<string> {
  const text = `SELECT "id" FROM "Project" WHERE "isOperator"`;
  return (await app.services.database.query<{ id: string }>("test_operator", text, []))[0]!.id;
}

/** Deleted rows are among them: to a client they are not there. */
async function poolOf(app: TestApp, projectId: string): Promise<Pool> {
  const parts = Object.keys(ID_PREFIXES).map((type) => {
    const table = type === "Connector" ? "CustomConnector" : type;
    const key = type === "Project" ? "id" : "projectId";
    return `SELECT '${type}' AS "type", "id", row_number() OVER (ORDER BY "id" DESC) AS "nth" FROM "${table}" WHERE "${key}" = $1::uuid`;
  });
  const text = `SELECT "type", "id"::text AS "id" FROM (${parts.join(" UNION ALL ")}) t WHERE "nth" <= 8 ORDER BY "type", "nth"`;
  const rows = await app.services.database.query<{ type: NodeType; id: string }>("test_pool", text, [projectId]);
  const byType = Object.groupBy(rows, ({ type }) => type);
  return Object.fromEntries(
    Object.entries(byType).map(([type, found]) => [type, found.map(({ id }) => encodeId(type as NodeType, id))]),
  );
}

/** A connector with an API key at the sandbox's address, a credential of it, and a webhook that has something to tell. */
async function furnish(app: TestApp, { key, ids }: Side): Promise<{ AuthConfig: string; Credential: string; Webhook: string }> {
  const slug = `keys-${newId().slice(-12)}`;
  const make = async (name: string, input: object, select: string): Promise<string> => {
    const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}`;
    const document = `mutation ($input: ${type}Input!) { ${name}(input: $input) { ... on ${type}Payload { made: ${select} { id } } } }`;
    const answer = await run<Record<string, { made: { id: string } }>, object>(app, key, document, { input });
    return answer[name]!.made.id;
  };
  await make(
    "createConnector",
    {
      slug,
      name: "Keys",
      baseUrl: app.sandbox!.issuer,
      scheme: { apiKey: { location: "HEADER", name: "X-Api-Key" } },
      // What anyone may read there: any key will do.
      verification: { method: "GET", path: "/.well-known/openid-configuration" },
    },
    "connector",
  );
  const { id: AuthConfig } = await createConfig(app, key, { connectorSlug: slug });
  const typed = { target: { authConfigId: AuthConfig }, user: { id: ids.User }, fields: { apiKey: "key-0123456789" } };
  const Credential = await make("createCredential", typed, "credential");
  const Webhook = await make("createWebhook", { url: `${app.sandbox!.issuer}/hook` }, "webhook");
  await make("updateCredential", { id: ids.Credential, label: "Told to the webhook" }, "credential");
  return { AuthConfig, Credential, Webhook };
}
