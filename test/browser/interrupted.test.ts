import { readFileSync } from "node:fs";
import path from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { faultsOf, hasChromium, LOOKS, openBrowser, watchedContext } from "../helpers/console.ts";
import { type Installation, newPlace, type Place, startInstallation } from "../helpers/installation.ts";
import { writeLedgerProject } from "../helpers/ledger-project.ts";
import { eventually } from "../helpers/waiting.ts";
import { seedDependencies } from "../helpers/worker.ts";

const ENDED_MS = 170_000;

const hasBrowser = hasChromium();
if (!hasBrowser) console.warn("skipped: the console in a browser needs Chromium (or CHROMIUM=<path>)");

describe.skipIf(!hasBrowser)("the page of a run whose worker was killed", () => {
  let place: Place;
  let installation: Installation;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let id: string;
  const complaints: string[] = [];

  beforeAll(async () => {
    place = await newPlace("interrupted");
    installation = await startInstallation({ place });
    const { client, dataDir } = installation;
    const ledger = path.join(place.projects, "ledger.txt");
    const folder = writeLedgerProject(path.join(place.projects, "cut"), "cut", {
      version: "v1",
      ledger,
      texts: ["one", "two", "three"],
      distinct: true,
      delayMs: 3_000,
    });
    seedDependencies(dataDir, folder);
    await client.createProject({ body: { name: "cut", folder } });
    await client.createStack({ body: { project: "cut", name: "dev" } });
    const params = { organisation: "default", project: "cut", stack: "dev" };
    ({ id } = await client.requestDeployment({
      params,
      body: { operation: "update", options: { parallel: 1 } },
    }));
    await eventually("the second resource is begun", ENDED_MS, () => linesOf(ledger) >= 3 || undefined);
    const record = path.join(dataDir, "run", "worker.json");
    process.kill((JSON.parse(readFileSync(record, "utf8")) as { pid: number }).pid, "SIGKILL");
    await eventually("it is told as interrupted", ENDED_MS, async () => {
      const { finishedAt } = await client.getDeployment({ params: { id } });
      return finishedAt !== null;
    });
    browser = await openBrowser();
    context = await watchedContext(browser, installation.baseUrl, LOOKS[0], complaints);
    page = await context.newPage();
    await page.goto(`${installation.baseUrl}/deployments/${id}#token=${installation.token}`);
  });
  afterAll(async () => {
    await browser?.close();
    await installation?.stop();
    place?.remove();
  });

  function linesOf(file: string): number {
    try {
      return readFileSync(file, "utf8").trim().split("\n").length;
    } catch {
      // Nothing was written yet.
      return 0;
    }
  }

  test("says what was done, what was not and what nobody knows, with one thing to do next", async () => {
    await page.getByRole("heading", { name: "What was done" }).waitFor();
    await page.getByText("1 done, 1 not done, 1 unknown.", { exact: false }).first().waitFor();
    const rows = page.getByRole("table", { name: "What became of each resource" }).getByRole("row");
    await rows.nth(3).waitFor();
    expect(await rows.nth(1).textContent()).toContain("unknown");
    expect(await faultsOf(page, "interrupted")).toEqual([]);
  });

  test("goes on only after somebody said that what may exist does not, and opens what goes on", async () => {
    const go = page.getByRole("button", { name: "Refresh and continue" });
    expect(await go.isDisabled()).toBe(true);
    await page.getByRole("checkbox", { name: /does not exist/ }).check();
    await go.click();
    await page.getByText("the deployment that did not end by itself").waitFor();
    const { client } = installation;
    const [last] = await eventually("what goes on has ended", ENDED_MS, async () => {
      const { items } = await client.listDeployments({ query: {} });
      return items.every(({ finishedAt }) => finishedAt !== null) && items.length === 3 ? items : undefined;
    });
    expect(last, JSON.stringify(last)).toMatchObject({
      continues: id,
      operation: "update",
      status: "succeeded",
    });
    expect(complaints).toEqual([]);
  });
});
