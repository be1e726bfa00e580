import { ID_PREFIXES, type NodeType } from "../../src/lib/ids.ts";

/** Texts in a generated input that stand for what is known when it is sent only. */

export const NODE_TYPES = Object.keys(ID_PREFIXES) as NodeType[];

/** Stands for an id that is known when the input is sent only: the n-th of those that the world holds then. */
export function idRef(whose: "own" | "foreign" | "absent", type: string, nth = 0): string {
  return `@{${whose} ${type} ${nth}}`;
}

type Word = "slug" | "ownSlug" | "externalId" | "returnUrl" | "origin" | "api" | "url" | "fresh" | "verification";

/** Stands for a text that the world knows. */
export function word(name: Word): string {
  return `@{word ${name} 0}`;
}
