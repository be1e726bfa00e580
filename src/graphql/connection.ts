/**
 * Pages of rows. Arguments and cursors are checked at once; rows are read only where `edges`, `nodes` or `pageInfo` are
 * selected, and counted only where `totalCount` is.
 */
import { queryFromInfo } from "@pothos/plugin-prisma";
import type { GraphQLResolveInfo } from "graphql";
import type { Prisma } from "../db/generated/client.ts";
import { batch, type GraphQLContext } from "./context.ts";
import {
  type CursorValue,
  decodeCursor,
  encodeCursor,
  following,
  type Order,
  type OrderKey,
  orderKeys,
  reversed,
  toPrismaOrder,
} from "./cursors.ts";
import { badRequest } from "./errors.ts";

export interface PageArgs {
  first?: number | null;
  last?: number | null;
  after?: string | null;
  before?: string | null;
}

export interface PageInfo {
  hasNextPage: boolean;
  hasPreviousPage: boolean;
  startCursor: string | null;
  endCursor: string | null;
}

export interface Page<Row> {
  readonly edges: Promise<{ node: Row; readonly cursor: string }[]>;
  readonly pageInfo: Promise<PageInfo>;
  totalCount(): Promise<number>;
}

/** What a Prisma delegate's `findMany` is given. */
export interface PageQuery {
  where: object;
  orderBy: object[];
  take: number;
}

export const DEFAULT_PAGE = 20;
export const MAX_PAGE = 100;

/** How many rows the arguments ask for at most; throws BAD_REQUEST where they are out of range. */
export function pageSize(args: PageArgs): number {
  const { first, last } = args;
  if (first != null && last != null) throw badRequest("Give `first` or `last`, not both.");
  const size = first ?? last ?? DEFAULT_PAGE;
  if (size >= 0 && size <= MAX_PAGE) return size;
  throw badRequest(
    first != null
      ? `\`first\` must be from 0 to ${MAX_PAGE}; page on with \`after\` and \`pageInfo.endCursor\`.`
      : `\`last\` must be from 0 to ${MAX_PAGE}; page on with \`before\` and \`pageInfo.startCursor\`.`,
  );
}

/** For a field that is a connection: what it costs before anything runs. */
export function pageCost(args: PageArgs): { field: number; multiplier: number } {
  const size = args.first ?? args.last ?? DEFAULT_PAGE;
  return { field: 1, multiplier: Math.min(Math.max(size, 1), MAX_PAGE) };
}

type Model = Prisma.ModelName;
type RowOf<M extends Model> = Prisma.TypeMap["model"][M]["payload"]["scalars"];

interface PageOf<M extends Model> {
  args: PageArgs;
  model: M;
  order: Order;
  where: NonNullable<Prisma.TypeMap["model"][M]["operations"]["findMany"]["args"]["where"]>;
}

/**
 * A page of a model's rows. `ahead`: a faster way to the same rows in the same order, their own columns alone, for pages that are read from
 * the front, from behind a cursor's values on.
 */
export function rowPage<M extends Model>(
  context: GraphQLContext,
  info: GraphQLResolveInfo,
  options: PageOf<M> & { ahead?: ((take: number, after: CursorValue[] | null) => Promise<RowOf<M>[]>) | null },
): Page<RowOf<M>> {
  const { args, model, where, ahead } = options;
  const rows = rowsOf(context, model);
  const plan = planPage(options);
  const include = nodeQuery(context, info, model);
  const isPlain = Object.keys(include).length === 0 && args.last == null && args.before == null;
  const read = () => (ahead && isPlain ? ahead(plan.query.take, plan.after) : rows.findMany({ ...include, ...plan.query }));
  return lazyPage(read, plan, args, () => rows.count({ where }));
}

function rowsOf<M extends Model>({ services }: GraphQLContext, model: M) {
  const delegate = services.database.prisma[`${model[0]!.toLowerCase()}${model.slice(1)}` as Uncapitalize<Model>];
  // Prisma's own types are generic over each model's arguments.
  return delegate as unknown as { findMany(query: object): Promise<RowOf<M>[]>; count(query: object): Promise<number> };
}

interface PagePlan {
  size: number;
  backward: boolean;
  keys: OrderKey[];
  /** The values of the cursor `after`. */
  after: CursorValue[] | null;
  query: PageQuery;
}

function planPage<M extends Model>({ args, model, order, where }: PageOf<M>): PagePlan {
  const size = pageSize(args);
  const keys = orderKeys(model, order);
  const opposite = reversed(keys);
  const backward = args.last != null || (args.before != null && args.first == null);
  const after = args.after == null ? null : decodeCursor(keys, args.after, "after");
  const before = args.before == null ? null : decodeCursor(keys, args.before, "before");
  const bounds = [...(after ? [following(keys, after)] : []), ...(before ? [following(opposite, before)] : [])];
  // One row more than the page holds tells whether there is more.
  const query = { where: { AND: [where, ...bounds] }, orderBy: toPrismaOrder(backward ? opposite : keys), take: size + 1 };
  return { size, backward, keys, after, query };
}

function lazyPage<Row extends object>(
  read: () => Promise<Row[]>,
  plan: PagePlan,
  args: PageArgs,
  count: () => Promise<number>,
): Page<Row> {
  let rows: Promise<{ page: Row[]; more: boolean }> | undefined;
  const load = () => {
    rows ??= read().then((found) => {
      const page = found.slice(0, plan.size);
      return { page: plan.backward ? page.reverse() : page, more: found.length > plan.size };
    });
    return rows;
  };
  const cursorOf = (row: Row | undefined) => (row ? encodeCursor(plan.keys, row) : null);
  return {
    get edges() {
      return load().then(({ page }) => page.map((node) => edge(node, plan.keys)));
    },
    get pageInfo() {
      return load().then(({ page, more }) => ({
        hasNextPage: plan.backward ? args.before != null : more,
        hasPreviousPage: plan.backward ? more : args.after != null,
        startCursor: cursorOf(page[0]),
        endCursor: cursorOf(page.at(-1)),
      }));
    },
    totalCount: count,
  };
}

/** The cursor is made only where it is asked for. */
function edge<Row extends object>(node: Row, keys: readonly OrderKey[]): { node: Row; readonly cursor: string } {
  return {
    node,
    get cursor() {
      return encodeCursor(keys, node);
    },
  };
}

/** The relations that the page's objects are asked for, as Prisma's `include`. */
function nodeQuery(context: GraphQLContext, info: GraphQLResolveInfo, typeName: string): object {
  return queryFromInfo({ context, info, typeName, paths: [["nodes"], ["edges", "node"]] });
}

/** Reads the children of many parents at once, by the parents' key. */
export interface Children<Row> {
  /** `query` may name relations to read with them, too. */
  rows(parents: readonly string[], query: PageQuery): Promise<ReadonlyMap<string, Row[]>>;
  counts(parents: readonly string[], where: object): Promise<ReadonlyMap<string, number>>;
}

/** A connection on each object of a page: one read for all of them, whatever their number. */
export function childPage<M extends Model>(
  context: GraphQLContext,
  info: GraphQLResolveInfo,
  options: PageOf<M> & { parent: string; children: Children<RowOf<M>> },
): Page<RowOf<M>> {
  const { parent, args, children } = options;
  const plan = planPage(options);
  const query = { ...nodeQuery(context, info, options.model), ...plan.query };
  const key = fieldKey(info);
  const rows = batch<RowOf<M>[]>(context, `${key} rows`, async (parents) => {
    const found = await children.rows(parents, query);
    return parents.map((id) => found.get(id) ?? []);
  });
  const counts = batch<number>(context, `${key} count`, async (parents) => {
    const found = await children.counts(parents, options.where);
    return parents.map((id) => found.get(id) ?? 0);
  });
  return lazyPage(
    () => rows.load(parent),
    plan,
    args,
    () => counts.load(parent),
  );
}

/** The same for every object of a list: the field's place in the answer without list positions. */
export function fieldKey(info: GraphQLResolveInfo): string {
  const names: (string | number)[] = [info.parentType.name];
  for (let step: GraphQLResolveInfo["path"] | undefined = info.path; step; step = step.prev) {
    if (typeof step.key === "string") names.push(step.key);
  }
  return names.join("<");
}
