import { join } from "node:path";
import { defineConfig } from "vite";

const here = import.meta.dirname;

/** The published browser client, into dist/client: graphql-ws is inside, React is the product's own. `scripts/build-client.ts` adds the types. */
export default defineConfig({
  root: here,
  configFile: false,
  logLevel: "warn",
  resolve: {
    // The browser's build of graphql-ws/client imports nothing of graphql-js.
    conditions: ["module", "browser", "import", "default"],
  },
  build: {
    outDir: join(here, "../../../dist/client"),
    emptyOutDir: true,
    target: "es2022",
    minify: true,
    sourcemap: false,
    lib: {
      entry: { index: join(here, "index.ts"), react: join(here, "react.ts") },
      formats: ["es"],
    },
    rolldownOptions: { external: ["react"], output: { chunkFileNames: "[name].js", minify: true } },
  },
});
