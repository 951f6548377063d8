import { rmSync } from "node:fs";
import path from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { faultsOf, hasChromium, LOOKS, openBrowser, watchedContext } from "../helpers/console.ts";
import { type Installation, newPlace, type Place, startInstallation } from "../helpers/installation.ts";
import { openShelf, writeShelfProject } from "../helpers/shelf-project.ts";
import { eventually } from "../helpers/waiting.ts";
import { seedDependencies } from "../helpers/worker.ts";

const ENDS_WITHIN_MS = 150_000;
const STACK = { organisation: "default", project: "shop", stack: "test" };
const hasBrowser = hasChromium();
if (!hasBrowser) console.warn("skipped: the console in a browser needs Chromium (or CHROMIUM=<path>)");

describe.skipIf(!hasBrowser)("schedules and drift in the console", () => {
  let place: Place;
  let slipway: Installation;
  let browser: Browser;
  const complaints: string[] = [];

  beforeAll(async () => {
    place = await newPlace("schedules");
    slipway = await startInstallation({ place });
    const shelf = openShelf(path.join(place.home, "shelf"));
    const folder = writeShelfProject(path.join(place.projects, "shop"), "shop", {
      shelf,
      items: { one: "first", two: "second" },
    });
    seedDependencies(place.dataDir, folder);
    const { client } = slipway;
    await client.createProject({ body: { name: "shop", folder } });
    await client.createStack({ body: { project: "shop", name: "test" } });
    await run("update");
    rmSync(path.join(shelf.folder, "one.json"));
    shelf.put("two", { text: "somebody else's" });
    await run("detect-drift");
    for (const [name, cron] of [
      ["nightly", "30 2 * * *"],
      ["weekly", "@weekly"],
    ] as const) {
      await client.createSchedule({
        params: STACK,
        body: { name, operation: "detect-drift", cron, timeZone: "Europe/Berlin" },
      });
    }
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await slipway?.stop();
    place?.remove();
  });

  async function run(operation: "update" | "detect-drift"): Promise<void> {
    const { id } = await slipway.client.requestDeployment({ params: STACK, body: { operation } });
    const done = await eventually(`the ${operation} ended`, ENDS_WITHIN_MS, async () => {
      const one = await slipway.client.getDeployment({ params: { id }, query: { wait: 10 } });
      return one.finishedAt !== null && one;
    });
    expect(done.status, JSON.stringify(done.failure)).toBe("succeeded");
  }

  test("shows what has drifted, when the next check is, and pauses and resumes, in every width and colour", async () => {
    for (const look of LOOKS) {
      const context = await watchedContext(browser, slipway.baseUrl, look, complaints);
      const page = await context.newPage();
      await page.goto(`${slipway.baseUrl}/stacks/default/shop/test?tab=drift#token=${slipway.token}`);
      await page.getByRole("heading", { name: "What differs from state 1" }).waitFor();
      await page.getByText("next check").waitFor();
      await page.getByRole("button", { name: "Undo the drift" }).waitFor();
      await page.getByRole("row", { name: /text of two .* has another value.*somebody else's/ }).waitFor();
      // Read again a minute later; the machine may be slower than that.
      await page
        .getByRole("row", { name: /one.*(not found once|gone)/ })
        .first()
        .waitFor();
      expect(await faultsOf(page, `drift-${look.device}-${look.scheme}`)).toEqual([]);
      await page.getByRole("button", { name: /^Keep: text of two/ }).click();
      await page.getByText(/Change text .* from "second" to "somebody else's"/).waitFor();
      expect(await faultsOf(page, `drift-keep-${look.device}-${look.scheme}`)).toEqual([]);
      await page.getByRole("button", { name: "Close" }).click();
      await page.getByRole("button", { name: /^Ignore: text of two/ }).click();
      await page.getByLabel("Why").fill("known");
      expect(await faultsOf(page, `drift-ignore-${look.device}-${look.scheme}`)).toEqual([]);
      await page.getByRole("button", { name: "Not now" }).click();

      await page.getByRole("tab", { name: "Schedules" }).click();
      await page.getByText("30 2 * * *").waitFor();
      await page
        .getByText(/ 0[23]:\d\d:\d\d \+0[12]:00/)
        .nth(2)
        .waitFor();
      await page.getByRole("button", { name: "Pause nightly" }).click();
      await page.getByText("paused by owner").waitFor();
      expect(await faultsOf(page, `schedules-${look.device}-${look.scheme}`)).toEqual([]);
      await page.getByRole("button", { name: "Resume nightly" }).click();
      await page.getByRole("button", { name: "Pause nightly" }).waitFor();
      await context.close();
    }
    expect(complaints).toEqual([]);
  });
});
