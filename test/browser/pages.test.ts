import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ANIMATION_MS, faultsOf, hasChromium, LOOKS, watchedContext } from "../helpers/console.ts";
import { type ConsoleBed, openConsoleBed } from "../helpers/console-bed.ts";
import { program, writeProject } from "../helpers/trivial-project.ts";

const hasBrowser = hasChromium();
if (!hasBrowser) console.warn("skipped: the console in a browser needs Chromium (or CHROMIUM=<path>)");

describe.skipIf(!hasBrowser)("pages of the console", () => {
  let bed: ConsoleBed;
  let installation: ConsoleBed["installation"];

  /** A stack with a good release, a deployment that failed and was rolled back, and config, so that no page is empty. */
  beforeAll(async () => {
    bed = await openConsoleBed("pages");
    ({ installation } = bed);
    const { client } = installation;
    const params = { organisation: "default", project: "thing", stack: "local" };
    const update = { params, body: { operation: "update", options: { skipPreview: true } } } as const;
    const folder = writeProject(path.join(bed.place.projects, "thing"), "thing");
    await client.createProject({ body: { name: "thing", folder } });
    await client.createStack({ body: { project: "thing", name: "local" } });
    await bed.reached((await client.requestDeployment(update)).id, ["succeeded"]);
    await client.setConfig({ params: { ...params, key: "thing:size" }, body: { value: "3", secret: false } });
    writeProject(folder, "thing", {
      "index.js": `${program("v2")}\nthrow new Error("the licence has run out");`,
    });
    await bed.reached((await client.requestDeployment(update)).id, ["rolled_back"]);
  });
  afterAll(() => bed?.close());

  test.each(LOOKS)(
    "every page passes WCAG 2.2 AA and fits the width of a $device in $scheme colours",
    async (its) => {
      const mine = await watchedContext(bed.browser, installation.baseUrl, its, bed.complaints);
      const tab = await mine.newPage();
      const found: string[] = [];
      const look = async (name: string) => {
        found.push(...(await faultsOf(tab, `${name}-${its.scheme}-${its.device}`)));
      };
      await tab.goto(installation.baseUrl);
      await tab.getByLabel("Token", { exact: true }).waitFor();
      await look("sign-in");
      await tab.goto(`${installation.baseUrl}/#token=${installation.token}`);
      const failed = (await installation.client.listDeployments()).items.find((one) => one.failure !== null);
      const stack = "/stacks/default/thing/local";
      const addresses = ["/", "/deployments", `/deployments/${failed?.id}`, "/audit", "/nowhere", stack];
      addresses.push(
        ...["releases", "resources", "outputs", "states", "config", "audit"].map(
          (name) => `${stack}?tab=${name}`,
        ),
      );
      for (const address of addresses) {
        await tab.goto(`${installation.baseUrl}${address}`);
        await tab.getByRole("heading", { level: 1 }).waitFor();
        await tab
          .getByText(/^Loading /)
          .first()
          .waitFor({ state: "detached" });
        await look(address.replaceAll(/[^a-z]+/gi, "-"));
      }
      await tab.goto(`${installation.baseUrl}${stack}`);
      for (const name of ["Deploy", "Roll back", "Preview"]) {
        await tab.getByRole("button", { name, exact: true }).first().click();
        await tab.getByRole("dialog").getByRole("button").first().waitFor();
        await tab.waitForTimeout(ANIMATION_MS);
        await look(name);
        await tab.keyboard.press("Escape");
        await tab.getByRole("dialog").waitFor({ state: "hidden" });
      }
      await tab.getByRole("button", { name: "owner" }).click();
      await tab.getByRole("menuitem").first().waitFor();
      await tab.waitForTimeout(ANIMATION_MS);
      await look("menu");
      await mine.close();
      expect(found).toEqual([]);
    },
  );

  test("nothing was asked of other servers and no page failed", () => {
    expect(bed.complaints).toEqual([]);
  });
});
