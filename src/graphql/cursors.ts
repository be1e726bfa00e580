/**
 * Keyset cursors: a cursor holds the values that its row is ordered by, so that a page begins where the last one ended
 * even where that row has changed, gone or left the filter since.
 */
import { badRequest } from "./errors.ts";
import { getDatamodel } from "./generated/pothos-types.ts";
import { MAX_TIME, MIN_TIME } from "./scalars.ts";

/** Prisma's `orderBy`: one column each, a unique one last. */
export type Order = readonly Record<string, unknown>[];

/** One column of an ordering, with how the database compares it. */
export interface OrderKey {
  field: string;
  descending: boolean;
  nullsLast: boolean;
  nullable: boolean;
  type: string;
}

export type CursorValue = string | number | Date | null;

interface Column {
  type: string;
  nullable: boolean;
}

const models = getDatamodel().datamodel.models as unknown as Record<
  string,
  { fields: { name: string; type: string; isRequired: boolean }[] } | undefined
>;
const columns = new Map<string, Column>();

function columnOf(model: string, field: string): Column {
  const key = `${model}.${field}`;
  let column = columns.get(key);
  if (!column) {
    const found = models[model]?.fields.find((candidate) => candidate.name === field);
    if (!found) throw new Error(`There is no column ${key} to order by.`);
    column = { type: found.type, nullable: !found.isRequired };
    columns.set(key, column);
  }
  return column;
}

export function orderKeys(model: string, order: Order): OrderKey[] {
  return order.map((entry) => {
    const [field, how] = Object.entries(entry)[0] as [string, string | { sort: string; nulls?: string }];
    const { sort, nulls } = typeof how === "string" ? { sort: how, nulls: undefined } : how;
    const descending = sort === "desc";
    // PostgreSQL takes null for larger than everything.
    return { field, descending, nullsLast: nulls ? nulls === "last" : !descending, ...columnOf(model, field) };
  });
}

/** The same rows from the other end. */
export function reversed(keys: readonly OrderKey[]): OrderKey[] {
  return keys.map((key) => ({ ...key, descending: !key.descending, nullsLast: !key.nullsLast }));
}

export function toPrismaOrder(keys: readonly OrderKey[]): object[] {
  return keys.map(({ field, descending, nullsLast, nullable }) => {
    const sort = descending ? "desc" : "asc";
    return { [field]: nullable ? { sort, nulls: nullsLast ? "last" : "first" } : sort };
  });
}

/** Narrows to the rows that follow these values in this order. */
export function following(keys: readonly OrderKey[], values: readonly CursorValue[]): object {
  const alternatives: object[] = [];
  const equal: object[] = [];
  keys.forEach((key, index) => {
    const value = values[index] ?? null;
    const beyond = beyondValue(key, value);
    if (beyond) alternatives.push({ AND: [...equal, beyond] });
    equal.push({ [key.field]: value });
  });
  return { OR: alternatives };
}

function beyondValue({ field, descending, nullsLast, nullable }: OrderKey, value: CursorValue): object | null {
  if (value === null) return nullsLast ? null : { [field]: { not: null } };
  const larger = { [field]: descending ? { lt: value } : { gt: value } };
  return nullable && nullsLast ? { OR: [larger, { [field]: null }] } : larger;
}

export function encodeCursor(keys: readonly OrderKey[], row: object): string {
  const values = keys.map(({ field }) => {
    const value = (row as Record<string, unknown>)[field];
    return value instanceof Date ? value.getTime() : value;
  });
  return Buffer.from(JSON.stringify([signature(keys), ...values])).toString("base64url");
}

/** Throws BAD_REQUEST where it is no cursor of ours, or one of another ordering. */
export function decodeCursor(keys: readonly OrderKey[], cursor: string, argument: string): CursorValue[] {
  const parsed = parseJson(cursor.length <= 2_000 ? Buffer.from(cursor, "base64url").toString("utf8") : "");
  if (!Array.isArray(parsed) || parsed.length !== keys.length + 1 || parsed[0] !== signature(keys)) throw badCursor(argument);
  return keys.map((key, index) => {
    const value = parseValue(key, parsed[index + 1]);
    if (value === undefined) throw badCursor(argument);
    return value;
  });
}

export function badCursor(argument: string): Error {
  return badRequest(
    `\`${argument}\` is no cursor of this list. Take it from \`pageInfo\` or \`edges\` of the same list in the same order, or leave it out to begin anew.`,
  );
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function signature(keys: readonly OrderKey[]): string {
  return keys.map(({ field, descending }) => field + (descending ? "-" : "+")).join();
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function parseValue(key: OrderKey, value: unknown): CursorValue | undefined {
  if (value === null) return key.nullable ? null : undefined;
  if (key.type === "DateTime") {
    const isMoment = Number.isInteger(value) && (value as number) >= MIN_TIME && (value as number) <= MAX_TIME;
    return isMoment ? new Date(value as number) : undefined;
  }
  if (key.type === "Int") return Number.isInteger(value) && Math.abs(value as number) < 2 ** 31 ? (value as number) : undefined;
  if (typeof value !== "string" || value.includes("\u0000")) return undefined;
  return key.field !== "id" || UUID.test(value) ? value : undefined;
}
