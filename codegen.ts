import type { CodegenConfig } from "@graphql-codegen/cli";

const client = {
  preset: "client",
  presetConfig: { fragmentMasking: false },
  config: {
    // Node runs these files as they are: imports name the file, types are imported as types, and there are no enums.
    importExtension: ".ts",
    useTypeImports: true,
    enumsAsTypes: true,
    documentMode: "string",
    scalars: {
      DateTime: "string",
      URL: "string",
      Origin: "string",
      EmailAddress: "string",
      JSON: "unknown",
      JSONObject: "Record<string, unknown>",
    },
  },
} as const;
const pages = { ...client.config, documentMode: "documentNode", nonOptionalTypename: true, skipTypename: false } as const;

/**
 * Typed documents for whoever speaks to the API, made from the printed schema: `import { graphql } from "../generated/gql/index.ts"`
 * and write the operation as `graphql(`query Name { … }`)`. The tests, the demo and the benchmark use them; a front end can do the same.
 * The browser client has a folder of its own, so that nothing else gets into its bundle.
 */
const config: CodegenConfig = {
  schema: "schema.graphql",
  ignoreNoDocuments: true,
  generates: {
    // The pages' operations are .graphql files beside them. As document nodes, each a constant of its own, so that a bundle holds only what its pages use.
    "generated/web/": {
      ...client,
      documents: ["src/web/**/*.graphql", "!src/web/{client,connect}/**"],
      config: pages,
    },
    // Apart from the dashboard's: one module would be one file for both, and the hosted page's has to stay small.
    "generated/connect/": {
      ...client,
      documents: ["src/web/connect/*.graphql", "src/web/{api,forms}/*.graphql"],
      config: pages,
    },
    "generated/gql/": { ...client, documents: ["test/**/*.ts", "scripts/**/*.ts", "bench/**/*.ts"] },
    "generated/client-gql/": { ...client, documents: ["src/web/client/*.graphql"] },
  },
};

export default config;
