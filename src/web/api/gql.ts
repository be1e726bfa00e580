/** The operations of the .graphql files beside the pages, typed from schema.graphql by `npm run codegen`. One import away, so that a bundle holds what its pages use. */
export * from "../../../generated/web/graphql.ts";
