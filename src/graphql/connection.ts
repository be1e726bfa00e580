/**
 * Pages of rows. Arguments and cursors are checked at once; rows are read only where `edges`, `nodes` or `pageInfo` are
 * selected, and counted only where `totalCount` is.
 */
import { queryFromInfo } from "@pothos/plugin-prisma";
import type { GraphQLResolveInfo } from "graphql";
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
    `\`${first != null ? "first" : "last"}\` must be from 0 to ${MAX_PAGE}; page on with \`after\` and \`pageInfo.endCursor\`.`,
  );
}

/** For a field that is a connection: what it costs before anything runs. */
export function pageCost(args: PageArgs): { field: number; multiplier: number } {
  const size = args.first ?? args.last ?? DEFAULT_PAGE;
  return { field: 1, multiplier: Math.min(Math.max(size, 1), MAX_PAGE) };
}

/**
 * A page of what `find` finds. `model` names the Prisma model whose columns the order is of. `ahead`: a faster way to the same rows in the
 * same order, for pages that are read from the front, from behind a cursor's values on.
 */
export function rowPage<Row extends object>(options: {
  args: PageArgs;
  model: string;
  order: Order;
  where: object;
  find: (query: PageQuery) => Promise<Row[]>;
  ahead?: ((take: number, after: CursorValue[] | null) => Promise<Row[]>) | null;
  count: () => Promise<number>;
}): Page<Row> {
  const { args, find, ahead, count } = options;
  const plan = planPage(args, options.model, options.order);
  const query = { where: { AND: [options.where, ...plan.bounds] }, orderBy: plan.orderBy, take: plan.size + 1 };
  const forwards = ahead && args.last == null && args.before == null ? ahead : null;
  return lazyPage(() => (forwards ? forwards(plan.size + 1, plan.after) : find(query)), plan, args, count);
}

interface PagePlan {
  size: number;
  backward: boolean;
  keys: OrderKey[];
  bounds: object[];
  /** The values of the cursor `after`. */
  after: CursorValue[] | null;
  orderBy: object[];
}

function planPage(args: PageArgs, model: string, order: Order): PagePlan {
  const size = pageSize(args);
  const keys = orderKeys(model, order);
  const opposite = reversed(keys);
  const backward = args.last != null || (args.before != null && args.first == null);
  const after = args.after == null ? null : decodeCursor(keys, args.after, "after");
  const before = args.before == null ? null : decodeCursor(keys, args.before, "before");
  return {
    size,
    backward,
    keys,
    bounds: [...(after ? [following(keys, after)] : []), ...(before ? [following(opposite, before)] : [])],
    after,
    orderBy: toPrismaOrder(backward ? opposite : keys),
  };
}

/** `read` may give one row more than the page holds: that tells whether there is more. */
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
export function nodeQuery(context: GraphQLContext, info: GraphQLResolveInfo, typeName: string): object {
  return queryFromInfo({ context, info, typeName, paths: [["nodes"], ["edges", "node"]] });
}

/** Reads the children of many parents at once, by the parents' key. */
export interface Children<Row> {
  rows(parents: readonly string[], query: PageQuery): Promise<ReadonlyMap<string, Row[]>>;
  counts(parents: readonly string[]): Promise<ReadonlyMap<string, number>>;
}

/** A connection on each object of a page: one read for all of them, whatever their number. */
export function childPage<Row extends object>(
  context: GraphQLContext,
  info: GraphQLResolveInfo,
  options: { parent: string; args: PageArgs; model: string; order: Order; where: object; children: Children<Row> },
): Page<Row> {
  const { parent, args, children } = options;
  const plan = planPage(args, options.model, options.order);
  const query = { where: { AND: [options.where, ...plan.bounds] }, orderBy: plan.orderBy, take: plan.size + 1 };
  const key = fieldKey(info);
  const rows = batch<Row[]>(context, `${key} rows`, async (parents) => {
    const found = await children.rows(parents, query);
    return parents.map((id) => found.get(id) ?? []);
  });
  const counts = batch<number>(context, `${key} count`, async (parents) => {
    const found = await children.counts(parents);
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
