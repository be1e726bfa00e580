import { join } from "node:path";
import type { BrowserContextOptions, Page } from "playwright-core";
import { expect } from "vitest";
import { audit, type HostedWorld } from "./hosted.ts";

/** A browser that signs in by the form with this API key, and is then at `path`. */
export async function openDashboard(
  world: HostedWorld,
  path: string,
  key = world.app.adminKey,
  options: BrowserContextOptions = {},
): Promise<Page> {
  const page = await world.visit(`${world.app.url}${path}`, { permissions: ["clipboard-read", "clipboard-write"], ...options });
  await page.getByLabel("API key", { exact: true }).fill(key);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Areas" }).waitFor();
  return page;
}

/** By the navigation, as a person goes. */
export async function goTo(page: Page, area: string): Promise<void> {
  await page.getByRole("navigation", { name: "Areas" }).getByRole("link", { name: area, exact: true }).click();
  await page.getByRole("heading", { level: 1, name: area }).waitFor();
}

/** What of the navigation is there. */
export async function areas(page: Page): Promise<string[]> {
  return page.getByRole("navigation", { name: "Areas" }).getByRole("link").allInnerTexts();
}

/** The heading is there, and nothing is loading any more. */
export async function settled(page: Page): Promise<void> {
  await page.getByRole("heading", { level: 1 }).waitFor();
  await page.locator("main .spinner").waitFor({ state: "detached" });
}

/** By the address, as somebody who was sent a link. */
export async function open(world: HostedWorld, page: Page, path: string): Promise<void> {
  await page.goto(`${world.app.url}${path}`);
  await settled(page);
}

/** What every page holds: nothing for axe-core to find in light and dark, and nothing that sticks out at 360 pixels. As wide afterwards as before. */
export async function inspect(page: Page, name: string): Promise<void> {
  await settled(page);
  await audit(page, name);
  const before = page.viewportSize()!;
  await page.setViewportSize({ width: 360, height: 740 });
  // What floats finds its new place a moment later.
  await expect
    .poll(() => page.evaluate("document.documentElement.scrollWidth"), { message: `${name} sticks out at 360 pixels` })
    .toBeLessThanOrEqual(360);
  const photos = process.env.MOORLINE_SCREENSHOTS;
  if (photos) await page.screenshot({ path: join(photos, `${name}-360.png`), fullPage: true });
  await page.setViewportSize(before);
}

/** What a page complains about from now on: its console's errors, such as what the content policy refuses. */
export function complaintsOf(page: Page): string[] {
  const heard: string[] = [];
  page.on("console", (message) => {
    if (message.type() === "error") heard.push(`${new URL(page.url()).pathname}: ${message.text()}`);
  });
  return heard;
}
