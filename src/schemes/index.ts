import type { SchemeDefinition } from "../catalogue/types.ts";
import { apply } from "./oauth2/index.ts";
import type { SchemeHandler } from "./types.ts";

/** One handler for each scheme type that is implemented; the type checker asks for one with every new member of SchemeDefinition. */
export const SCHEMES: Record<SchemeDefinition["type"], SchemeHandler> = {
  OAUTH2: { name: "OAuth 2", redirects: true, apply },
};

export * as oauth2 from "./oauth2/index.ts";
export type * from "./types.ts";
export { isTestable, verify } from "./verify.ts";
