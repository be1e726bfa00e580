import type { ConnectorKind, SchemeType } from "../../../api/gql.ts";

/** What can be filtered by, as a `Record` so that a new kind in the schema is missed by the type check, not by people. */
const ALL_KINDS: Record<ConnectorKind, true> = { OAUTH2_PROVIDER: true, API: true, NATIVE: true, CUSTOM: true };
export const KINDS = Object.keys(ALL_KINDS) as ConnectorKind[];

const ALL_SCHEMES: Record<SchemeType, true> = {
  OAUTH2: true,
  OAUTH2_CLIENT_CREDENTIALS: true,
  API_KEY: true,
  BEARER_TOKEN: true,
  BASIC: true,
  NATIVE: true,
  TWO_STEP: true,
  SIGNED_JWT: true,
  AWS_SIGV4: true,
  OAUTH1: true,
  OAUTH1_TOKENS: true,
  APP_INSTALLATION: true,
  NONE: true,
};
export const SCHEMES = Object.keys(ALL_SCHEMES) as SchemeType[];
