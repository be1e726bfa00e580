/**
 * Moorline in a process of its own that can be held at any fault point of a refresh. What it is told and what it tells goes over the
 * channel to the test that started it (`startGateway`), and ends with it.
 */
import { startApp } from "../../src/app.ts";
import { readConfig } from "../../src/config.ts";
import { type FaultPoint, onFaultPoint } from "../../src/lib/fault-points.ts";

/** Where each credential (UUID) is held, once. */
export type Holds = Record<string, FaultPoint>;

export type Told = { ready: string } | { reached: { point: FaultPoint; subject: string } };
export type Command = { hold: Holds } | { release: true };

const holds = new Map<string, FaultPoint>();
const held: (() => void)[] = [];

onFaultPoint((point, subject) => {
  if (holds.get(subject) !== point) return;
  holds.delete(subject);
  return new Promise((resolve) => {
    held.push(resolve);
    tell({ reached: { point, subject } });
  });
});

process.on("message", (command: Command) => {
  if ("hold" in command) for (const [subject, point] of Object.entries(command.hold)) holds.set(subject, point);
  else for (const resolve of held.splice(0)) resolve();
});
process.on("disconnect", () => process.exit());

function tell(told: Told): void {
  process.send?.(told);
}

const app = await startApp(readConfig(process.env), JSON.parse(process.env.GATEWAY_OPTIONS ?? "{}"));
tell({ ready: app.url });
