import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "vitest";

/** Families that connect to a host and port of the user's, on this machine in the test. */
const PLACED = ["cassandra", "http", "ldap", "mongodb", "mqtt", "mysql", "nats", "postgres", "redis", "sftp", "smtp"];

test("after a server that never answers, and one that is not there, no probe leaves a socket or a timer behind", () => {
  const script = join(import.meta.dirname, "support/probe-and-leave.ts");
  const { stdout, stderr, status } = spawnSync(process.execPath, [script], { encoding: "utf8", timeout: 90_000 });
  expect(status, stderr + stdout).toBe(0);
  for (const family of PLACED) expect(stdout).toContain(`${family}: TIMEOUT, CONNECTION_REFUSED`);
  // The process ends by itself as soon as nothing keeps it.
  expect(stdout).not.toContain("still there");
  expect(Number(/left after (\d+) ms/.exec(stdout)?.[1])).toBeLessThan(1_000);
}, 120_000);
