import DataLoader from "dataloader";
import type { AuthConfig, User } from "../db/generated/client.ts";
import type { Caller } from "../domain/caller.ts";
import { type ConnectorView, connectable, connectorsBySlug } from "../domain/connector.ts";
import { authConfigsById, usersById } from "../domain/hot-reads.ts";
import type { Context, Services } from "../domain/services.ts";
import { BUILT_IN_CONNECTOR_PREFIX } from "../lib/ids.ts";

/** Batches of one request: what a page's rows have in common is read once. */
export interface Loaders {
  /** By slug, of a row that the caller may see. */
  readonly connectors: DataLoader<string, ConnectorView>;
  readonly connectable: DataLoader<ConnectorView, boolean, string>;
  /** By UUID, of what a row that the caller may see refers to. */
  readonly users: DataLoader<string, User>;
  readonly authConfigs: DataLoader<string, AuthConfig>;
  /** Batches that a field makes for itself, by a key of its own: see `batch`. */
  readonly own: Map<string, DataLoader<string, unknown>>;
}

/** What resolvers are given: the domain's Context, and this request's loaders. One for each operation. */
export interface GraphQLContext extends Context {
  services: Services;
  caller: Caller;
  loaders: Loaders;
}

export function createContext(services: Services, caller: Caller): GraphQLContext {
  const context = { services, caller } as GraphQLContext;
  context.loaders = createLoaders(context);
  return context;
}

/** Forgets what was read: after a change, and before each message of a subscription, whose context lives as long as it does. */
export function forget(context: GraphQLContext): void {
  context.loaders = createLoaders(context);
}

/** The loader named `key` of this request, made at its first use. */
export function batch<Value>(
  context: GraphQLContext,
  key: string,
  load: (ids: readonly string[]) => Promise<(Value | Error)[]>,
): DataLoader<string, Value> {
  const { own } = context.loaders;
  let loader = own.get(key);
  if (!loader) {
    loader = new DataLoader<string, unknown>(load);
    own.set(key, loader);
  }
  return loader as DataLoader<string, Value>;
}

function createLoaders(context: GraphQLContext): Loaders {
  return new RequestLoaders(context);
}

/** Each made at its first use. A class, because ten thousand open subscriptions keep one each, and accessors of its own would be half of it. */
class RequestLoaders implements Loaders {
  readonly #context: GraphQLContext;
  #connectors?: Loaders["connectors"];
  #connectable?: Loaders["connectable"];
  #users?: Loaders["users"];
  #authConfigs?: Loaders["authConfigs"];
  #own?: Loaders["own"];

  constructor(context: GraphQLContext) {
    this.#context = context;
  }

  get connectors(): Loaders["connectors"] {
    this.#connectors ??= new DataLoader(async (slugs: readonly string[]) => {
      const found = await connectorsBySlug(this.#context, slugs);
      return slugs.map((slug) => found.get(slug) ?? goneConnector(slug));
    });
    return this.#connectors;
  }

  get connectable(): Loaders["connectable"] {
    this.#connectable ??= new DataLoader((views: readonly ConnectorView[]) => connectable(this.#context, views), {
      cacheKeyFn: ({ slug }) => slug,
    });
    return this.#connectable;
  }

  get users(): Loaders["users"] {
    this.#users ??= byId(usersById, this.#context);
    return this.#users;
  }

  get authConfigs(): Loaders["authConfigs"] {
    this.#authConfigs ??= byId(authConfigsById, this.#context);
    return this.#authConfigs;
  }

  get own(): Loaders["own"] {
    this.#own ??= new Map();
    return this.#own;
  }
}

/** Of rows that others refer to by a foreign key, so that they are there. */
function byId<Row>(
  read: (context: Context, ids: readonly string[]) => Promise<ReadonlyMap<string, Row>>,
  context: Context,
): DataLoader<string, Row> {
  return new DataLoader(async (ids: readonly string[]) => {
    const found = await read(context, ids);
    return ids.map((id) => found.get(id) ?? new Error(`The row ${id} is gone.`));
  });
}

/** Finished requests outlive a project's own connector: what is left of it is its slug. */
function goneConnector(slug: string): ConnectorView {
  return {
    slug,
    name: slug,
    id: BUILT_IN_CONNECTOR_PREFIX + slug,
    kind: "CUSTOM",
    description: null,
    categories: [],
    docsUrl: null,
    setupGuide: [],
    schemes: [],
    projectId: null,
    uuid: null,
  };
}
