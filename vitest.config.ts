import { defineConfig } from "vitest/config";

export default defineConfig({
  // As Node itself resolves: with Vite's own conditions (module, development) there would be two copies of `graphql`.
  ssr: { resolve: { conditions: ["module-sync", "node"] } },
  test: {
    environment: "node",
    include: ["test/**/*.test.ts"],
    // Before every test file: sockets reach this machine only.
    globalSetup: ["test/support/global-setup.ts"],
    setupFiles: ["test/support/network-off.ts"],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    maxWorkers: 2,
  },
});
