import { access, constants, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { BrowserContext, Page } from "playwright-core";
import type { ValidationSettings } from "../../contract/aws/validation.ts";
import { messageOf, systemCode } from "../../errors.ts";
import type { Visit } from "./frontend-rules.ts";

const PAGE_TIMEOUT_MS = 20_000;
const SETTLE_TIMEOUT_MS = 8_000;
const LOOK_AGAIN_MS = 100;
/** A page that asks for prices again and again is never idle. */
const IDLE_TIMEOUT_MS = 3_000;
const CHROMIUMS: readonly string[] = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/usr/bin/google-chrome-stable",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

export interface Journey {
  siteUrl: string;
  apiUrl: string;
  connectTo: ValidationSettings["connectTo"];
  /** Keys (SHA-256, base64) of servers whose certificates were checked before: trusted beside the browser's own authorities. */
  trustedKeys: readonly string[];
}

/** The driver and a browser, or why there is none on this machine. */
export async function findBrowser(given: string | null) {
  const driver = await import("playwright-core").catch(() => null);
  if (driver === null) return { missing: "playwright-core is not installed" } as const;
  for (const executablePath of given === null ? CHROMIUMS : [given]) {
    if (await canRun(executablePath)) return { driver: driver.chromium, executablePath } as const;
  }
  return { missing: given === null ? "this machine has no Chromium" : `${given} cannot be run` } as const;
}

type Found = Extract<Awaited<ReturnType<typeof findBrowser>>, { driver: unknown }>;

/**
 * Opens the site, follows its first link to itself (or loads it again), and goes back. Answers what was shown and what went wrong; `missing` says why the browser did
 * not start, which is no finding about the site.
 */
export async function browse(
  { driver, executablePath }: Found,
  journey: Journey,
  signal: AbortSignal,
): Promise<Visit | { missing: string }> {
  const profile = await mkdtemp(path.join(tmpdir(), "slipway-browse-"));
  try {
    let context: BrowserContext;
    try {
      context = await driver.launchPersistentContext(profile, {
        executablePath,
        args: argumentsOf(journey),
        // Pages of the site run in it: it gets nothing of this process, which may hold credentials.
        env: { HOME: profile, PATH: "/usr/local/bin:/usr/bin:/bin" },
        timeout: PAGE_TIMEOUT_MS,
      });
    } catch (thrown) {
      return { missing: `${executablePath} does not start: ${messageOf(thrown).split("\n")[0] ?? ""}` };
    }
    const onAbort = () => void context.close().catch(() => undefined);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await visit(context, journey);
    } finally {
      signal.removeEventListener("abort", onAbort);
      await context.close();
    }
  } finally {
    await rm(profile, { recursive: true, force: true });
  }
}

async function visit(context: BrowserContext, { siteUrl, apiUrl }: Journey): Promise<Visit> {
  const page = await context.newPage();
  page.setDefaultTimeout(PAGE_TIMEOUT_MS);
  const faults: string[] = [];
  const watched = new Set([new URL(siteUrl).origin, new URL(apiUrl).origin]);
  const isWatched = (url: string) => URL.canParse(url) && watched.has(new URL(url).origin);
  page.on("pageerror", (error) => faults.push(`the page failed: ${error.message}`));
  page.on("requestfailed", (request) => {
    // Leaving a page ends its open streams; that is no failure.
    const why = request.failure()?.errorText ?? "no answer";
    if (isWatched(request.url()) && why !== "net::ERR_ABORTED") faults.push(`${request.url()}: ${why}`);
  });
  page.on("response", (response) => {
    if (isWatched(response.url()) && response.status() >= 400)
      faults.push(`${response.url()} answers ${response.status()}`);
  });
  const characters: number[] = [];
  try {
    await page.goto(siteUrl, { waitUntil: "load" });
    characters.push(await shown(page));
    const title = await page.title();
    const link = page.locator('a[href^="/"], a[href^="./"], a[href^="#"]').first();
    if ((await link.count()) > 0) {
      await link.click();
      characters.push(await shown(page));
      await page.goBack();
    } else await page.reload({ waitUntil: "load" });
    characters.push(await shown(page));
    return { title, characters, faults };
  } catch (thrown) {
    return { title: "", characters, faults: [...faults, messageOf(thrown).split("\n")[0] ?? ""] };
  }
}

/** Length of the text that is visible once the page has something to show. */
async function shown(page: Page): Promise<number> {
  const body = page.locator("body");
  const length = async () => (await body.innerText()).trim().length;
  const end = performance.now() + SETTLE_TIMEOUT_MS;
  // Looked at from here: code that waits inside of the page is what its content security policy forbids.
  while ((await length()) === 0) {
    if (performance.now() > end) return 0;
    await sleep(LOOK_AGAIN_MS);
  }
  // What the page asks the API for first shall have been answered.
  await page.waitForLoadState("networkidle", { timeout: IDLE_TIMEOUT_MS }).catch(() => undefined);
  return length();
}

function argumentsOf({ connectTo, trustedKeys }: Journey): string[] {
  const rules = Object.entries(connectTo).map(([from, to]) => `MAP ${from} ${to}`);
  return [
    "--disable-background-networking",
    // Root has no user namespace to put the browser into; whoever is not root keeps the sandbox.
    ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
    ...(rules.length === 0 ? [] : [`--host-resolver-rules=${rules.join(", ")}`]),
    ...(trustedKeys.length === 0 ? [] : [`--ignore-certificate-errors-spki-list=${trustedKeys.join(",")}`]),
  ];
}

async function canRun(file: string): Promise<boolean> {
  try {
    await access(file, constants.X_OK);
    return true;
  } catch (thrown) {
    if (systemCode(thrown) !== undefined) return false;
    throw thrown;
  }
}
