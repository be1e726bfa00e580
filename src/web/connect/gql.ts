/** This page's own operations, as `api/gql.ts` has those of the dashboard. */
export * from "../../../generated/connect/graphql.ts";
