import { existsSync, mkdirSync, readFileSync } from "node:fs";
import path from "node:path";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import type { TestContext } from "vitest";
import type { Installation } from "./installation.ts";
import { IS_TRIAL } from "./trial.ts";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const VIEWPORT = { width: 1280, height: 900 };
const AXE = readFileSync(path.resolve(import.meta.dirname, "../../node_modules/axe-core/axe.min.js"), "utf8");
const WCAG = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const SHOWN_WITHIN_MS = 12_000;

/** Colours in the middle of a fade would be judged as they are. */
export const ANIMATION_MS = 400;
/** The widths and colours that every page is looked at in: each of them at every run of the checks, all their pairs among the trials. */
export const LOOKS = [
  { device: "desktop", scheme: "light", viewport: { width: 1280, height: 800 } },
  { device: "phone", scheme: "dark", viewport: { width: 375, height: 740 } },
  ...(IS_TRIAL
    ? ([
        { device: "phone", scheme: "light", viewport: { width: 375, height: 740 } },
        { device: "desktop", scheme: "dark", viewport: { width: 1280, height: 800 } },
      ] as const)
    : []),
] as const;

/** For parts of pages that others show too: a phone's width, where less fits, and among the trials all of them. */
export const LOOKS_OF_PARTS = LOOKS.filter(({ device }) => IS_TRIAL || device === "phone");

/** Whether this machine has a browser; with CI=true nothing is skipped: without it the tests then fail. */
export function hasChromium(): boolean {
  return existsSync(CHROMIUM) || process.env.CI === "true";
}

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

/** A browser context that notes into `complaints` what a page must not do: errors on its console, requests to others than `baseUrl`. */
export async function watchedContext(
  browser: Browser,
  baseUrl: string,
  { viewport, scheme }: Pick<(typeof LOOKS)[number], "viewport" | "scheme">,
  complaints: string[],
): Promise<BrowserContext> {
  // axe is injected into the page, which the page's own policy would refuse.
  const made = await browser.newContext({ viewport, colorScheme: scheme, bypassCSP: true });
  made.setDefaultTimeout(SHOWN_WITHIN_MS);
  made.on("console", (message) => {
    // The browser itself reports each answer of 4xx; that they are shown is tested where they are provoked.
    if (message.type() === "error" && !message.text().includes("status of 4"))
      complaints.push(message.text());
  });
  made.on("weberror", (error) => complaints.push(error.error().message));
  made.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(baseUrl) && !url.startsWith("data:")) complaints.push(`asked ${url}`);
  });
  return made;
}

/**
 * What is wrong with a page as it is: violations of WCAG 2.2 AA, and pixels beyond the window's width. With CONSOLE_SCREENSHOTS=<folder> the page is
 * pictured there as `name`.
 */
export async function faultsOf(page: Page, name: string): Promise<string[]> {
  const faults = (await violations(page)).map((one) => `${name}: ${one}`);
  const tooWide = await page.evaluate<number>("document.documentElement.scrollWidth - innerWidth");
  if (tooWide > 0) faults.push(`${name}: ${tooWide} pixels too wide`);
  const folder = process.env.CONSOLE_SCREENSHOTS;
  if (folder !== undefined) {
    mkdirSync(folder, { recursive: true });
    await page.screenshot({ path: path.join(folder, `${name}.png`), fullPage: true });
  }
  return faults;
}

interface AxeResult {
  violations: { id: string; nodes: { html: string; any: { message: string }[] }[] }[];
}

async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const result = (await page.evaluate(
    `axe.run(document, { runOnly: ${JSON.stringify(WCAG)} })`,
  )) as AxeResult;
  return result.violations.flatMap(({ id, nodes }) =>
    nodes.map((node) => `${id} ${node.html.slice(0, 120)} ${node.any[0]?.message ?? ""}`),
  );
}
