import { appendFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { DeploymentPreview } from "../../automation/src/contract/seals.ts";
import { ANIMATION_MS, faultsOf, hasChromium, LOOKS_OF_PARTS, watchedContext } from "../helpers/console.ts";
import { type ConsoleBed, deployHarbour, openConsoleBed, HARBOUR as STACK } from "../helpers/console-bed.ts";
import { PASSWORDS, writeHarbourProject } from "../helpers/harbour-project.ts";

const ENDED_MS = 120_000;

const hasBrowser = hasChromium();
if (!hasBrowser) console.warn("skipped: the console in a browser needs Chromium (or CHROMIUM=<path>)");

describe.skipIf(!hasBrowser)("the page of a preview", () => {
  let bed: ConsoleBed;
  let installation: ConsoleBed["installation"];
  let folder: string;
  let page: Page;
  let id: string;
  /** Addresses of all that the page loaded. */
  const loaded: string[] = [];
  const answers: Promise<string>[] = [];

  beforeAll(async () => {
    bed = await openConsoleBed("preview");
    ({ installation } = bed);
    folder = await deployHarbour(bed);
    writeHarbourProject(folder, "harbour", 2);
    ({ id } = await installation.client.requestDeployment({
      params: STACK,
      body: { operation: "preview", message: "by preview" },
    }));
    await bed.reached(id, ["succeeded"]);
    page = await bed.newPage();
    page.on("response", (response) => {
      loaded.push(response.url());
      if (response.url().includes("/v1/") && !response.url().endsWith("/events"))
        answers.push(response.text().catch(() => ""));
    });
    await page.goto(`${installation.baseUrl}/deployments/${id}#token=${installation.token}`);
  });
  afterAll(() => bed?.close());

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

  test.each(LOOKS_OF_PARTS)(
    "passes WCAG 2.2 AA on a $device in $scheme colours, opened and drawn",
    async (its) => {
      const mine = await watchedContext(bed.browser, installation.baseUrl, its, bed.complaints);
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
    },
  );

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

  /** Deploys the third version with this slipway.yaml, and `more` at the end of its program. */
  async function deployWith(slipwayYaml: string, more = ""): Promise<string> {
    writeHarbourProject(folder, "harbour", 3);
    appendFileSync(path.join(folder, "index.js"), more);
    writeFileSync(path.join(folder, "slipway.yaml"), slipwayYaml);
    const body = { operation: "update" as const };
    const { id: asked } = await installation.client.requestDeployment({ params: STACK, body });
    await page.goto(`${installation.baseUrl}/deployments/${asked}`);
    return asked;
  }
  const sentTo = (end: string) =>
    page.waitForRequest((one) => one.method() === "POST" && one.url().endsWith(end));

  test("a policy that stops a deployment is told with the resources, and somebody who may answers for it", async () => {
    const { client } = installation;
    const organisation = { organisation: "default" };
    const config = { types: { "thing:*": ["owner"] }, property: "tags" };
    const rule = await client.enablePolicy({
      params: organisation,
      body: { kind: "required-tags", level: "mandatory", overridable: true, config },
    });
    const stopped = await deployWith("gates: []\n", 'new Thing("pier", { value: "wood" });\n');
    const told = page.getByRole("table", { name: "What policies said, what stops it first" });
    await told.getByRole("row", { name: /slipway: required-tags.*mandatory.*pier/ }).waitFor({
      timeout: ENDED_MS,
    });
    await page.getByRole("heading", { name: /failed/ }).waitFor({ timeout: ENDED_MS });
    const answer = page.getByRole("button", { name: "Answer for the violations" });
    expect(await answer.isDisabled(), "without a reason").toBe(true);
    await page.getByLabel("Why it may pass all the same").fill("tags come with the next version");
    const sent = sentTo("/policy-override");
    await answer.click();
    const { checked } = await client.getDeploymentPolicies({ params: { id: stopped } });
    expect((await sent).postDataJSON()).toEqual({
      seal: checked?.seal,
      reason: "tags come with the next version",
    });
    await page.getByText(/answers for these violations/).waitFor();
    await client.disablePolicy({ params: { ...organisation, rule: rule.id } });
  });

  test("a held deployment is kept or rolled back with a reason; what the rollback cannot undo is agreed to step by step", async () => {
    const mute = "gates: [{ name: mute, phase: after, command: [no-such-program] }]\n";
    const kept = await deployWith(mute);
    const keep = page.getByRole("button", { name: "Keep what it left" });
    await keep.waitFor({ timeout: ENDED_MS });
    expect(await keep.isDisabled(), "without a reason").toBe(true);
    await page.getByLabel("Why", { exact: true }).fill("the harbour is open");
    await keep.click();
    await page.getByRole("heading", { name: /succeeded/ }).waitFor();
    const bad = await deployWith(`${mute}release: { schema: contract, level: 2 }\n`);
    await page.getByLabel("Why", { exact: true }).fill("ships wait", { timeout: ENDED_MS });
    await page.getByRole("button", { name: "Roll it back" }).click();
    await page.getByRole("link", { name: "the rollback" }).click({ timeout: ENDED_MS });
    await page.getByText("One step cannot be undone.").waitFor({ timeout: ENDED_MS });
    const agree = page.getByRole("button", { name: "Agree to it and go on" });
    expect(await agree.isDisabled(), "without a tick").toBe(true);
    await page.getByLabel(/took something away from the data/).check();
    const sent = sentTo("/consent");
    await agree.click();
    const { number } = await installation.client.getDeployment({ params: { id: bad } });
    expect((await sent).postDataJSON()).toEqual({ steps: [`schema-contract ${number}`] });
    await page.getByRole("heading", { name: /rollback.*succeeded/ }).waitFor({ timeout: ENDED_MS });
    const { client } = installation;
    expect(await client.getDeployment({ params: { id: bad } })).toMatchObject({ status: "rolled_back" });
    expect((await client.getDeployment({ params: { id: kept } })).hold).toMatchObject({ decision: "keep" });
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
    expect(bed.complaints).toEqual([]);
  });
});
