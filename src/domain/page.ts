import { InvalidInputError } from "../lib/errors.ts";

/** The four arguments of a Relay connection. */
export interface PageArguments {
  first?: number | null;
  after?: string | null;
  last?: number | null;
  before?: string | null;
}

export interface Page<T> {
  edges: { node: T; cursor: string }[];
  pageInfo: { hasNextPage: boolean; hasPreviousPage: boolean; startCursor: string | null; endCursor: string | null };
  totalCount: number;
}

const DEFAULT_SIZE = 20;
const MAX_SIZE = 100;

/**
 * A page of a list that is in memory (Relay's cursor connections specification). A cursor names the element by `keyOf`, so that it
 * stays good while others come and go. Throws InvalidInputError.
 */
export function pageOf<T>(list: readonly T[], keyOf: (item: T) => string, args: PageArguments): Page<T> {
  assertSize("first", args.first);
  assertSize("last", args.last);
  const start = args.after != null ? positionOf(list, keyOf, "after", args.after) + 1 : 0;
  const end = args.before != null ? positionOf(list, keyOf, "before", args.before) : list.length;
  let from = start;
  let to = Math.max(start, end);
  const first = args.first ?? (args.last === null || args.last === undefined ? DEFAULT_SIZE : null);
  if (first !== null) to = Math.min(to, from + first);
  if (args.last !== null && args.last !== undefined) from = Math.max(from, to - args.last);
  const edges = list.slice(from, to).map((node) => ({ node, cursor: cursorOf(keyOf(node)) }));
  return {
    edges,
    pageInfo: {
      hasNextPage: to < list.length,
      hasPreviousPage: from > 0,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
    totalCount: list.length,
  };
}

function cursorOf(key: string): string {
  return Buffer.from(`c:${key}`).toString("base64url");
}

function positionOf<T>(list: readonly T[], keyOf: (item: T) => string, argument: string, cursor: string): number {
  const position = list.findIndex((item) => cursorOf(keyOf(item)) === cursor);
  if (position >= 0) return position;
  throw InvalidInputError.at(
    [argument],
    "NOT_FOUND",
    `“${argument}” is no cursor of this list any more. Start again without it.`,
  );
}

function assertSize(argument: string, size: number | null | undefined): void {
  if (size === null || size === undefined || (Number.isInteger(size) && size >= 0 && size <= MAX_SIZE)) return;
  throw InvalidInputError.at([argument], "OUT_OF_RANGE", `“${argument}” is a number from 0 to ${MAX_SIZE}.`);
}
