import type { Children } from "./connection.ts";

/** For lists whose order is no choice of the client's. */
export const NEWEST_FIRST = [{ createdAt: "desc" }, { id: "desc" }] as const;

interface Parents {
  // Prisma's own type is generic over each model's arguments.
  findMany(query: never): PromiseLike<unknown[]>;
}

/** The rows behind a list relation of many parents: one read for the rows, one for the counts. */
export function childrenOf<Row>(parents: Parents, relation: string): Children<Row> {
  const select = (ids: readonly string[], selection: object) =>
    parents.findMany({ where: { id: { in: [...ids] } }, select: { id: true, ...selection } } as never);
  return {
    async rows(ids, query) {
      const found = await select(ids, { [relation]: query });
      return new Map(
        (found as { id: string }[]).map((parent) => [parent.id, (parent as Record<string, unknown>)[relation] as Row[]]),
      );
    },
    async counts(ids, where) {
      const found = await select(ids, { _count: { select: { [relation]: { where } } } });
      return new Map(
        (found as { id: string; _count: Record<string, number> }[]).map(({ id, _count }) => [id, _count[relation] ?? 0]),
      );
    },
  };
}

interface Grouped {
  findMany(query: never): PromiseLike<unknown[]>;
  groupBy(query: never): PromiseLike<unknown[]>;
}

/** The same where the parents are connectors, which are no rows: children by their slug. */
export function childrenBySlug<Row extends { connectorSlug: string }>(delegate: Grouped): Children<Row> {
  return {
    async rows(slugs, { take, ...query }) {
      const narrowed = { ...query, where: { AND: [query.where, { connectorSlug: { in: [...slugs] } }] } };
      // A list of connectors is read at once and cut afterwards: SQL's LIMIT knows no "for each".
      const found = (await delegate.findMany((slugs.length === 1 ? { ...narrowed, take } : narrowed) as never)) as Row[];
      const groups = Map.groupBy(found, (row) => row.connectorSlug);
      return new Map([...groups].map(([slug, rows]) => [slug, rows.slice(0, take)]));
    },
    async counts(slugs, where) {
      const found = await delegate.groupBy({
        by: ["connectorSlug"],
        where: { AND: [where, { connectorSlug: { in: [...slugs] } }] },
        _count: { _all: true },
      } as never);
      return new Map(
        (found as { connectorSlug: string; _count: { _all: number } }[]).map((group) => [group.connectorSlug, group._count._all]),
      );
    },
  };
}
