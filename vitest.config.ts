import { defineConfig, type TestProjectInlineConfiguration } from "vitest/config";
import { BaseSequencer, type TestSpecification } from "vitest/node";

/**
 * What needs a process of its own: whoever measures the memory of the process, counts what it has counted since it began, watches what all
 * of it says and sends, leaves clients behind that go on calling, or loads a driver that changes what all share (Vertica's, the parsers of pg). All other files share their worker's modules, which are loaded and
 * warmed up once: state belongs to an app, and to no module.
 */
const ALONE = [
  ...["http-graphql", "proxy-streams", "operations", "operations-database"],
  ...["canary", "canary-flows", "canary-oauth", "canary-quotes", "canary-search", "canary-typed"],
  ...["client", "browser-client", "matrix", "front-ends-apollo", "front-ends-relay", "front-ends-urql", "native-vertica"],
].map((name) => `test/${name}.test.ts`);

/** Begun first: a long one at the end would run alone. */
const LONGEST = [
  ...["start", "refresh-faults", "agreement", "matrix", "dashboard-configs", "dashboard-people", "dashboard-settings", "client"],
  ...[
    "browser-client",
    "connect-page",
    "connect-forms",
    "native-rabbitmq",
    "canary-typed",
    "refresh-once",
    "refresh-faults-pglite",
  ],
  ...["audit-chain", "device-code", "catalogue-static", "demo", "front-ends-relay", "audit-complete"],
];

/** All of one project after another, so that a worker is used on; in each the longest first. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification) => {
      const index = LONGEST.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return index === -1 ? LONGEST.length : index;
    };
    const order = [...new Set(sorted.map((file) => file.project.name))];
    return sorted.toSorted((a, b) => order.indexOf(a.project.name) - order.indexOf(b.project.name) || rank(a) - rank(b));
  }
}

function project(
  name: string,
  files: { include: string[]; exclude?: string[] },
  isolate: boolean,
): TestProjectInlineConfiguration {
  return {
    // As Node itself resolves: with Vite's own conditions (module, development) there would be two copies of `graphql`.
    ssr: { resolve: { conditions: ["module-sync", "node"] } },
    test: {
      name,
      ...files,
      isolate,
      environment: "node",
      // Before every test file: sockets reach this machine only; what is compared with a regular expression has to match it.
      setupFiles: ["test/support/network-off.ts", "test/support/matching.ts"],
      // Long enough for a machine that has other work as well: nobody waits for them but a test that fails.
      testTimeout: 60_000,
      hookTimeout: 120_000,
      expect: { poll: { timeout: 10_000 } },
      maxWorkers: 2,
    },
  };
}

export default defineConfig({
  ssr: { resolve: { conditions: ["module-sync", "node"] } },
  test: {
    globalSetup: ["test/support/global-setup.ts"],
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      project("alone", { include: ALONE }, true),
      project("shared", { include: ["test/**/*.test.ts"], exclude: ALONE }, false),
    ],
  },
});
