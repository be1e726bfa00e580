import type { AuthConfigsOneQuery } from "../../../api/gql.ts";

/** An auth config with all that its page shows. */
export type ShownConfig = NonNullable<AuthConfigsOneQuery["authConfig"]>;
