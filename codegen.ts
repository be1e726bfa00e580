import type { CodegenConfig } from "@graphql-codegen/cli";

/**
 * Typed documents for whoever speaks to the API, made from the printed schema: `import { graphql } from "../generated/gql/index.ts"`
 * and write the operation as `graphql(`query Name { … }`)`. The tests, the demo and the benchmark use them; a front end can do the same.
 */
const config: CodegenConfig = {
  schema: "schema.graphql",
  documents: ["test/**/*.ts", "scripts/**/*.ts", "bench/**/*.ts"],
  ignoreNoDocuments: true,
  generates: {
    "generated/gql/": {
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
    },
  },
};

export default config;
