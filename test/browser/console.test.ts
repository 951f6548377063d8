import path from "node:path";
import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasChromium } from "../helpers/console.ts";
import { type ConsoleBed, openConsoleBed } from "../helpers/console-bed.ts";
import { program, writeProject } from "../helpers/trivial-project.ts";

const DEPLOYED_WITHIN_MS = 90_000;
const FAILING = 'throw new Error("the licence has run out");';

const hasBrowser = hasChromium();
if (!hasBrowser) console.warn("skipped: the console in a browser needs Chromium (or CHROMIUM=<path>)");

describe.skipIf(!hasBrowser)("the console", () => {
  let bed: ConsoleBed;
  let installation: ConsoleBed["installation"];
  let page: Page;
  let folder: string;

  beforeAll(async () => {
    bed = await openConsoleBed("console");
    ({ installation } = bed);
    folder = writeProject(path.join(bed.place.projects, "thing"), "thing");
    await installation.client.createProject({ body: { name: "thing", folder } });
    page = await bed.newPage();
  });
  afterAll(() => bed?.close());

  async function open(address: string): Promise<void> {
    await page.goto(`${installation.baseUrl}${address}`);
  }
  async function button(name: string | RegExp): Promise<void> {
    await page.getByRole("button", { name, exact: true }).first().click();
  }

  test("without a token it asks for one, and says when the server does not know it", async () => {
    await open("/audit");
    await page.getByLabel("Token", { exact: true }).fill("not-a-token");
    await button("Sign in");
    await page.getByText("The server does not know this token.").waitFor();
  });

  test("an address with the token signs in, leaves no token in the address, and a reload stays signed in", async () => {
    // Only the fragment differs from the page that is open: nothing is loaded anew.
    await open(`/audit#token=${installation.token}`);
    await page.getByRole("heading", { name: "Audit" }).waitFor();
    expect(page.url()).toBe(`${installation.baseUrl}/audit`);
    await page.reload();
    await page.getByRole("heading", { name: "Audit" }).waitFor();
    await page.getByText("project.created").first().waitFor();
  });

  test("a stack is created from the list; a wrong name is told at the field before it is sent", async () => {
    await page.getByRole("link", { name: "Stacks", exact: true }).click();
    await button("Create a stack");
    await page.getByLabel("Project").first().click();
    await page.getByRole("option", { name: "thing" }).click();
    await page.getByLabel("Name").fill("-x");
    await page.getByText("must not start with").waitFor();
    await page.getByLabel("Name").fill("local");
    await button("Create");
    await page.getByRole("heading", { name: "local", level: 1 }).waitFor();
    await page.getByText("Nothing has been deployed yet.").waitFor();
    await open("/");
    await button("Create a stack");
    await page.getByLabel("Project").first().click();
    await page.getByRole("option", { name: "thing" }).click();
    await page.getByLabel("Name").fill("local");
    await button("Create");
    // A refusal of the server is shown where it was asked for.
    await page.getByRole("dialog").getByRole("alert").waitFor();
  });

  test("a deployment is started with its reason and watched live to its release", async () => {
    await open("/stacks/default/thing/local");
    await button("Deploy");
    await page.getByLabel("Why").fill("the first one");
    await page.getByRole("dialog").getByRole("button", { name: "Deploy", exact: true }).click();
    await page.getByRole("heading", { name: /update #1/ }).waitFor();
    await page.getByText("the first one").waitFor();
    // Live: the resource is on the page before the deployment has ended.
    await page.getByRole("cell", { name: "thing", exact: true }).waitFor({ timeout: DEPLOYED_WITHIN_MS });
    await page
      .getByRole("cell", { name: /created/ })
      .first()
      .waitFor({ timeout: DEPLOYED_WITHIN_MS });
    await page.getByRole("link", { name: "release 1" }).waitFor({ timeout: DEPLOYED_WITHIN_MS });
    await page.getByRole("heading", { name: /update #1.*succeeded/ }).waitFor();
  });

  test("the stack shows who deployed what and why, the history, the outputs and the audit", async () => {
    await open("/stacks/default/thing/local");
    await page.getByText("Release 1", { exact: true }).waitFor();
    await page.getByText("the first one").first().waitFor();
    await page.getByRole("link", { name: "update #1" }).waitFor();
    await page.getByRole("tab", { name: "Outputs" }).click();
    await page.getByRole("cell", { name: "v1" }).waitFor();
    await page.getByRole("tab", { name: "Audit" }).click();
    await page.getByText("deployment.requested").waitFor();
    // The address names the tab: a reload comes back to it.
    await page.reload();
    await page.getByText("deployment.requested").waitFor();
  });

  test("config is set; a secret's value is never shown again", async () => {
    await open("/stacks/default/thing/local?tab=config");
    await page.getByLabel("Key").fill("thing:password");
    await page.getByLabel("Value").fill("tops3cret");
    await page.getByRole("switch", { name: /Secret/ }).click();
    await button("Set");
    await page.getByText("secret, never shown").waitFor();
    expect(await page.content()).not.toContain("tops3cret");
    await button("Remove thing:password");
    await page.getByText("No config on the server").waitFor();
  });

  test("a failing version is rolled back by itself, and its page has the first failing line on top", async () => {
    writeProject(folder, "thing", { "index.js": `${program("v2")}\n${FAILING}` });
    const { id } = await installation.client.requestDeployment({
      params: { organisation: "default", project: "thing", stack: "local" },
      body: { operation: "update", options: { skipPreview: true } },
    });
    await open(`/deployments/${id}`);
    const alert = page.getByRole("alert");
    await alert.getByText("the licence has run out").waitFor({ timeout: DEPLOYED_WITHIN_MS });
    await alert.getByRole("link", { name: "the rollback" }).waitFor({ timeout: DEPLOYED_WITHIN_MS });
    await page.getByRole("heading", { name: /rolled back/ }).waitFor({ timeout: DEPLOYED_WITHIN_MS });
    const [alertBox, stepsBox] = await Promise.all([
      alert.first().boundingBox(),
      page.getByRole("heading", { name: "Steps" }).boundingBox(),
    ]);
    expect(alertBox?.y).toBeLessThan(stepsBox?.y ?? 0);
  });

  test("roll back lets a good release be chosen and confirmed", async () => {
    await open("/stacks/default/thing/local");
    await button("Roll back");
    await page.getByRole("dialog").getByLabel("Go back to").waitFor();
    await page.getByRole("button", { name: /^Roll back to release 1$/ }).click();
    await page.getByRole("heading", { name: /rollback #\d+/ }).waitFor();
    await page
      .getByRole("heading", { name: /rollback #\d+.*succeeded/ })
      .waitFor({ timeout: DEPLOYED_WITHIN_MS });
  });

  test("an admin sets the order of a project's stacks and how long a step may take", async () => {
    await installation.client.createStack({ body: { project: "thing", name: "staging" } });
    await open("/projects/default/thing");
    await button("Set the order…");
    const stacks = page.getByRole("dialog").getByRole("combobox", { name: "Stacks, first to last" });
    await stacks.click();
    for (const name of ["local", "staging"]) await page.getByRole("option", { name }).click();
    await page.keyboard.press("Escape");
    await page.getByLabel("staging takes nothing but promotions").check();
    await page.getByRole("dialog").getByRole("button", { name: "Set the order" }).click();
    await page.getByRole("row", { name: /staging.*promotions only/ }).waitFor();
    const updates = page.getByRole("row", { name: /^update/ });
    await updates.getByRole("button", { name: "Budget…" }).click();
    await page.getByLabel("Most seconds").fill("600");
    await page.getByRole("button", { name: "Set the budget" }).click();
    await updates.getByRole("cell", { name: "10 min" }).waitFor();
    const params = { organisation: "default", project: "thing" };
    expect((await installation.client.getEnvironments({ params })).stacks).toMatchObject([
      { stack: "local", onlyPromoted: false },
      { stack: "staging", onlyPromoted: true },
    ]);
    expect((await installation.client.listBudgets({ params })).budgets).toEqual([
      { step: "update", service: null, mostSeconds: 600, fails: false },
    ]);
  });

  test("what a release was made of is quarantined with a reason", async () => {
    await open("/stacks/default/thing/local?tab=releases");
    await page.getByRole("row", { name: /^1 / }).getByRole("button", { name: "Quarantine…" }).click();
    const refuse = page.getByRole("button", { name: "Refuse what release 1 was made of" });
    expect(await refuse.isDisabled(), "without a reason").toBe(true);
    await page.getByRole("dialog").getByLabel("Why").fill("it leaks");
    await refuse.click();
    await page.getByRole("row", { name: /^1 .*quarantined/ }).waitFor();
    const stack = { organisation: "default", project: "thing", stack: "local" };
    const { items } = await installation.client.listQuarantines({ params: stack });
    expect(items.map(({ reason }) => reason)).toContain("it leaks");
  });

  test("destroy needs the name of the stack", async () => {
    await open("/stacks/default/thing/local");
    await button("More actions");
    await page.getByRole("menuitem", { name: "Destroy…" }).click();
    const destroy = page.getByRole("dialog").getByRole("button", { name: "Destroy", exact: true });
    expect(await destroy.isDisabled()).toBe(true);
    await page.getByRole("dialog").getByRole("textbox").fill("thing/locals");
    expect(await destroy.isDisabled()).toBe(true);
    await page.getByRole("dialog").getByRole("textbox").fill("thing/local");
    expect(await destroy.isDisabled()).toBe(false);
    await page.keyboard.press("Escape");
  });

  test("the keyboard alone reaches the actions of a stack", async () => {
    await open("/stacks/default/thing/local");
    await page.getByRole("button", { name: "Deploy", exact: true }).waitFor();
    const reached: string[] = [];
    for (let presses = 0; presses < 20; presses += 1) {
      await page.keyboard.press("Tab");
      reached.push(await page.evaluate<string>("document.activeElement.textContent"));
      if (reached.at(-1) === "Deploy") break;
    }
    expect(reached[0]).toBe("Skip to the page");
    expect(reached).toContain("Deploy");
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").waitFor();
    expect(await page.evaluate("document.activeElement.tagName")).toBe("TEXTAREA");
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "hidden" });
  });

  test("a token that is revoked while the console is open leads back to the sign-in page, which says why", async () => {
    await open("/");
    await page.getByRole("heading", { name: "Stacks" }).waitFor();
    // With a token the sign-in ends that was made with it.
    await page.evaluate(() => {
      sessionStorage.setItem("slipway.token", "gone");
      sessionStorage.setItem("slipway.sign-in", "gone 2999-01-01T00:00:00.000Z");
    });
    await page.reload();
    await page.getByText("The server did not accept the token").waitFor();
  });

  test("nothing was asked of other servers and no page failed", () => {
    expect(bed.complaints).toEqual([]);
  });
});
