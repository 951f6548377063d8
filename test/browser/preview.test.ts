import path from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DeploymentPreview } from "../../automation/src/contract/seals.ts";
import {
  ANIMATION_MS,
  faultsOf,
  hasChromium,
  LOOKS,
  openBrowser,
  watchedContext,
} from "../helpers/console.ts";
import { PASSWORDS, writeHarbourProject } from "../helpers/harbour-project.ts";
import { type Installation, newPlace, type Place, startInstallation } from "../helpers/installation.ts";
import { eventually } from "../helpers/waiting.ts";
import { seedDependencies } from "../helpers/worker.ts";

const ENDED_MS = 120_000;
const STACK = { organisation: "default", project: "harbour", stack: "prod" };

const hasBrowser = hasChromium();
if (!hasBrowser) console.warn("skipped: the console in a browser needs Chromium (or CHROMIUM=<path>)");

describe.skipIf(!hasBrowser)("the page of a preview", () => {
  let place: Place;
  let installation: Installation;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let id: string;
  const complaints: string[] = [];
  /** Addresses of all that the page loaded. */
  const loaded: string[] = [];
  const answers: Promise<string>[] = [];

  async function ended(operation: "update" | "preview"): Promise<string> {
    const { client } = installation;
    const asked = await client.requestDeployment({
      params: STACK,
      body: { operation, message: `by ${operation}` },
    });
    const done = await eventually(`the ${operation} has ended`, ENDED_MS, async () => {
      const now = await client.getDeployment({ params: { id: asked.id }, query: { wait: 10 } });
      return now.finishedAt === null ? undefined : now;
    });
    expect(done.status, JSON.stringify(done.failure)).toBe("succeeded");
    return asked.id;
  }

  beforeAll(async () => {
    place = await newPlace("preview");
    installation = await startInstallation({ place });
    const { client, dataDir } = installation;
    const folder = writeHarbourProject(path.join(place.projects, "harbour"), "harbour", 1);
    seedDependencies(dataDir, folder);
    await client.createProject({ body: { name: "harbour", folder } });
    await client.createStack({ body: { project: "harbour", name: "prod" } });
    await ended("update");
    writeHarbourProject(folder, "harbour", 2);
    id = await ended("preview");
    browser = await openBrowser();
    context = await watchedContext(browser, installation.baseUrl, LOOKS[0], complaints);
    page = await context.newPage();
    page.on("response", (response) => {
      loaded.push(response.url());
      if (response.url().includes("/v1/") && !response.url().endsWith("/events"))
        answers.push(response.text().catch(() => ""));
    });
    await page.goto(`${installation.baseUrl}/deployments/${id}#token=${installation.token}`);
  });
  afterAll(async () => {
    await browser?.close();
    await installation?.stop();
    place?.remove();
  });

  const row = (name: string) =>
    page.locator("details.planned").filter({ has: page.getByText(name, { exact: true }) });

  test("says first what can lose something, and opens a resource to what its properties change from and to", async () => {
    await page.getByText("2 to replace, 1 to delete, 2 to update, 1 to create, 3 unchanged").waitFor();
    await row("lantern").waitFor();
    const names = await page.locator("details.planned .planned-name").allTextContents();
    expect(names.slice(0, 3).sort()).toEqual(["berth", "buoy", "quay"]);
    await row("quay").getByText("because of replace").waitFor();
    await row("quay").locator("summary").click();
    await row("quay").getByText("forces the replacement").waitFor();
    await row("quay").getByText('"10.0.0.0/16"').waitFor();
    await row("crane").locator("summary").click();
    await row("crane").getByText("known during the update").waitFor();
  });

  test("shows JSON in a text by its lines, folds what is long, and no value of a secret anywhere", async () => {
    await row("gate").locator("summary").click();
    await row("gate").getByText("JSON in a text").waitFor();
    expect(await row("gate").locator(".line-added").allTextContents()).toContain('+         "write"\n');
    const folded = row("gate").getByRole("button", { name: /show all \d+ characters/ });
    await folded.first().click();
    await row("gate")
      .getByText(`"${"first ".repeat(200)}"`)
      .waitFor();
    const seen = [await page.content(), ...(await Promise.all(answers))].join("\n");
    expect(answers.length).toBeGreaterThan(3);
    for (const password of Object.values(PASSWORDS)) expect(seen).not.toContain(password);
  });

  test("resources are found by operation and by name", async () => {
    await page.getByText("1 to delete", { exact: true }).click();
    await row("quay").waitFor({ state: "detached" });
    await row("buoy").waitFor();
    await page.getByText("All changes", { exact: true }).click();
    await page.getByLabel("Name or type").fill("LANT");
    await row("buoy").waitFor({ state: "detached" });
    await row("lantern").waitFor();
    await page.getByLabel("Name or type").fill("");
    await row("quay").waitFor();
  });

  test("draws what needs what only when asked, and lights up all that is downstream of a resource", async () => {
    expect(loaded.filter((url) => /PreviewPicture|elk/.test(url))).toEqual([]);
    await page.getByText("What else changes").click();
    await page.getByText("Why 2 resources are replaced").waitFor();
    const box = (name: string) => page.locator(".box").filter({ has: page.getByText(name, { exact: true }) });
    await box("quay").click();
    // Berth needs it, crane and lantern need the berth, the gate needs the crane.
    await page.getByText("4 resources are downstream of quay.").waitFor();
    expect(await page.locator(".box-downstream .box-name").allTextContents()).toHaveLength(4);
    expect(await box("buoy").getAttribute("class")).toContain("box-dim");
    expect(loaded.some((url) => url.includes("elk-worker"))).toBe(true);
    // The keyboard reaches a box, and chooses it.
    await box("crane").focus();
    await page.keyboard.press("Enter");
    await page.getByText("1 resource is downstream of crane.").waitFor();
  });

  test("the table says the same, and is what a phone shows", async () => {
    await page.getByText("Table", { exact: true }).click();
    await page.getByRole("button", { name: "Show all resources" }).click();
    await page
      .getByRole("row", { name: /quay/ })
      .first()
      .getByRole("button", { name: "4 resources" })
      .click();
    await page.getByText("4 resources are downstream of quay.").waitFor();
    expect(await page.getByRole("row").count()).toBe(1 + 4);
  });

  test.each(LOOKS)("passes WCAG 2.2 AA on a $device in $scheme colours, opened and drawn", async (its) => {
    const mine = await watchedContext(browser, installation.baseUrl, its, complaints);
    const tab = await mine.newPage();
    const found: string[] = [];
    await tab.goto(`${installation.baseUrl}/deployments/${id}#token=${installation.token}`);
    const rows = tab.locator("details.planned summary");
    await rows.nth(5).waitFor();
    for (let index = 0; index < 6; index += 1) await rows.nth(index).click();
    found.push(...(await faultsOf(tab, `preview-${its.scheme}-${its.device}`)));
    await tab.getByText("What else changes").click();
    await (its.device === "phone"
      ? tab.getByRole("row", { name: /quay/ }).first()
      : tab.locator(".box").first()
    ).waitFor();
    await tab.waitForTimeout(ANIMATION_MS);
    found.push(...(await faultsOf(tab, `dependencies-${its.scheme}-${its.device}`)));
    await mine.close();
    expect(found).toEqual([]);
  });

  test("what it shows is deployed as it is, bound to its seal", async () => {
    const seal = await installation.client.getSeal({ params: { id } });
    const sent = page.waitForRequest(
      (request) => request.method() === "POST" && request.url().endsWith("/deployments"),
    );
    await page.getByRole("button", { name: "Deploy exactly this" }).click();
    expect((await sent).postDataJSON()).toMatchObject({ operation: "update", seal: seal.digest });
    await page.getByRole("heading", { name: /update #\d+/ }).waitFor();
    await page.getByRole("link", { name: "release 2" }).waitFor({ timeout: ENDED_MS });
    await page.getByText("exact: what runs is what was sealed").waitFor();
  });

  test("the command line says the same, without any secret", async () => {
    const text = await installation.cli(["show", id, "--diff"]);
    expect(text.code, text.stderr).toBe(0);
    expect(text.stdout).toContain("2 to replace");
    expect(text.stdout).toContain("because of replace");
    const json = await installation.cli(["show", id, "--json"]);
    const { preview } = JSON.parse(json.stdout) as { preview: DeploymentPreview };
    expect(preview.items).toHaveLength(6);
    for (const password of Object.values(PASSWORDS))
      expect(text.stdout + json.stdout).not.toContain(password);
    expect(complaints).toEqual([]);
  });
});
