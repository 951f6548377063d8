import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import type { TestContext } from "vitest";
import type { Installation } from "./installation.ts";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const VIEWPORT = { width: 1280, height: 900 };

/** Skips a test on a machine without Chromium; with CI=true it goes on, and fails. */
export function needsBrowser(context: TestContext): void {
  const missing = !existsSync(CHROMIUM) && process.env.CI !== "true";
  context.skip(missing, `needs Chromium at ${CHROMIUM}, or CHROMIUM=<path>`);
}

/** Starts the system's Chromium; `arguments` are added. The caller closes it. */
export function openBrowser(more: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    args: ["--disable-background-networking", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []), ...more],
  });
}

/** A page of the console, signed in through the address that a start prints on a terminal. */
export async function signedIn(browser: Browser, slipway: Installation, host = "localhost"): Promise<Page> {
  const page = await browser.newPage({ viewport: VIEWPORT });
  await page.goto(`http://${host}:${slipway.port}/#token=${slipway.token}`);
  await page.getByRole("heading", { level: 1, name: "Stacks" }).waitFor();
  return page;
}
