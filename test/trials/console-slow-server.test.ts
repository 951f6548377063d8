import path from "node:path";
import type { Browser, Page, Request, Route } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildConsole } from "../../automation/src/start/console-build.ts";
import type { TestApi } from "../helpers/api.ts";
import { startTestApi } from "../helpers/api.ts";
import { hasChromium, LOOKS, openBrowser, watchedContext } from "../helpers/console.ts";
import { eventually } from "../helpers/waiting.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const STACK = "/stacks/default/shop/production";
const CHECKLIST = "**/v1/stacks/default/shop/production/readiness";
const PATIENCE_MS = 5_000;
/** The checklist is read again after a quarter of a minute. */
const AGAIN_MS = 16_000;
/** Tries of one read with the pauses between them. */
const TRIED_WITHIN_MS = 12_000;
/** The first events of a deployment are there when its page is opened. */
const READ_WITHIN_MS = 2_000;
const hasBrowser = hasChromium();
if (!hasBrowser) console.warn("skipped: the console in a browser needs Chromium (or CHROMIUM=<path>)");

describe.skipIf(!hasBrowser)("a server that is slow or away, in the console", () => {
  let api: TestApi;
  let baseUrl: string;
  let browser: Browser;
  let deployment: string;

  beforeAll(async () => {
    await buildConsole(ROOT, process.execPath, new AbortController().signal);
    api = await startTestApi({ consoleDir: path.join(ROOT, "frontend/console/dist") });
    baseUrl = await api.app.listen({ host: "127.0.0.1", port: 0 });
    await api.makeStack("shop", "production");
    const { body } = await api.ask("POST", "/v1/stacks/default/shop/production/deployments", {
      body: { operation: "update" },
    });
    deployment = body.id;
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  /** A page that is signed in; what the browser itself says of answers that are withheld is no complaint. */
  async function signedIn(): Promise<Page> {
    const page = await (await watchedContext(browser, baseUrl, LOOKS[0], [])).newPage();
    await page.goto(`${baseUrl}/#token=${api.token}`);
    await page.getByRole("heading", { level: 1, name: "Stacks" }).waitFor();
    return page;
  }

  test("a checklist that does not come is spoken of, then told as not to be had, and shown as soon as it comes", async () => {
    const page = await signedIn();
    await page.clock.install();
    let server: "silent" | "away" | "there" = "silent";
    const held: Route[] = [];
    await page.route(CHECKLIST, async (route) => {
      if (server === "silent") held.push(route);
      else if (server === "away") await route.abort();
      else await route.continue();
    });
    await page.goto(`${baseUrl}${STACK}?tab=readiness`);
    await page.getByText("Loading the checklist").waitFor();
    await page.clock.fastForward(PATIENCE_MS);
    await page.getByText("Still loading the checklist: the server has not answered for 5 s.").waitFor();
    server = "away";
    await Promise.all(held.map((route) => route.abort()));
    await page.getByText("The server does not answer.").waitFor({ timeout: TRIED_WITHIN_MS });
    server = "there";
    await page.clock.fastForward(AGAIN_MS);
    await page.getByRole("table", { name: "Checklist" }).waitFor();
    expect(await page.getByText("The server does not answer.").count()).toBe(0);
    await page.context().close();
  });

  test("a page asks the server also while the browser thinks that it is offline: it may run on this machine", async () => {
    const page = await signedIn();
    await page.goto(`${baseUrl}${STACK}?tab=readiness`);
    await page.getByRole("table", { name: "Checklist" }).waitFor();
    await page.evaluate("window.dispatchEvent(new Event('offline'))");
    await page.getByRole("tab", { name: "Rules" }).click();
    await page.getByText("No rule is set").waitFor();
    await page.context().close();
  });

  test("a tab that nobody looks at holds no connection, and goes on where it was when somebody does", async () => {
    const page = await signedIn();
    const open = new Set<Request>();
    const isStream = (request: Request) => request.url().endsWith(`/deployments/${deployment}/events`);
    page.on("request", (request) => isStream(request) && open.add(request));
    page.on("requestfailed", (request) => open.delete(request));
    const streams = (count: number) =>
      eventually(`${count} streams are open`, TRIED_WITHIN_MS, () =>
        Promise.resolve(open.size === count || undefined),
      );
    await page.goto(`${baseUrl}/deployments/${deployment}`);
    await page.getByRole("heading", { name: /update #1/ }).waitFor();
    await streams(1);
    await page.waitForTimeout(READ_WITHIN_MS);
    await look(page, "hidden");
    await streams(0);
    await look(page, "visible");
    await streams(1);
    const [again] = open;
    expect(Number(await again?.headerValue("last-event-id"))).toBeGreaterThan(0);
    await page.context().close();
  });
});

/** As when another tab is chosen: a browser without a window never hides one by itself. */
async function look(page: Page, state: "hidden" | "visible"): Promise<void> {
  await page.evaluate(`
    Object.defineProperty(document, "visibilityState", { configurable: true, value: "${state}" });
    document.dispatchEvent(new Event("visibilitychange"));
  `);
}
