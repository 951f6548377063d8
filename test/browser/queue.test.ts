import path from "node:path";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { faultsOf, hasChromium, LOOKS, openBrowser, watchedContext } from "../helpers/console.ts";
import { type Installation, newPlace, type Place, startInstallation } from "../helpers/installation.ts";
import { writeProject } from "../helpers/trivial-project.ts";

const SHOWN_WITHIN_MS = 30_000;
const hasBrowser = hasChromium();
if (!hasBrowser) console.warn("skipped: the console in a browser needs Chromium (or CHROMIUM=<path>)");

describe.skipIf(!hasBrowser)("the page of the queue", () => {
  let place: Place;
  let installation: Installation;
  let browser: Browser;
  const complaints: string[] = [];

  beforeAll(async () => {
    place = await newPlace("queue");
    installation = await startInstallation({ place });
    const folder = writeProject(path.join(place.projects, "thing"), "thing");
    const { client } = installation;
    await client.createProject({ body: { name: "thing", folder } });
    await client.createStack({ body: { project: "thing", name: "local" } });
    await client.setInstallationLimit({ body: { most: 3 } });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await installation?.stop();
    place?.remove();
  });

  test("everything is paused with a reason, what waits says so above every page, and it is resumed, in every width and colour", async () => {
    const { client } = installation;
    for (const look of LOOKS) {
      const context = await watchedContext(browser, installation.baseUrl, look, complaints);
      const page = await context.newPage();
      await page.goto(`${installation.baseUrl}/queue#token=${installation.token}`);
      await page.getByRole("heading", { name: "Queue", level: 1 }).waitFor();
      await page.getByRole("button", { name: "Pause everything" }).click();
      await page.getByLabel("Why").fill("the network moves");
      await page.getByRole("dialog").getByRole("button", { name: "Pause everything" }).click();
      await page.getByText("Everything is paused").waitFor();
      const { id } = await client.requestDeployment({
        params: { organisation: "default", project: "thing", stack: "local" },
        body: { operation: "preview", options: {} },
      });
      await page.getByRole("cell", { name: /preview #/ }).waitFor({ timeout: SHOWN_WITHIN_MS });
      await page.getByText(/Everything is paused by owner since .*: the network moves/).waitFor();
      await page.getByRole("cell", { name: "The installation" }).waitFor();
      await page.getByRole("cell", { name: "0 of 2" }).waitFor();
      expect(await faultsOf(page, `queue-${look.device}-${look.scheme}`)).toEqual([]);
      await page.goto(`${installation.baseUrl}/deployments/${id}`);
      await page.getByText(/Everything is paused by owner since .*: the network moves/).waitFor();
      await client.cancelDeployment({ params: { id } });
      await page.getByRole("button", { name: "Resume Everything" }).click();
      await page.getByRole("button", { name: "Resume Everything" }).waitFor({ state: "detached" });
      await context.close();
    }
    expect(complaints).toEqual([]);
  });
});
