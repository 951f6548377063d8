import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ANIMATION_MS,
  faultsOf,
  hasChromium,
  LOOKS,
  LOOKS_OF_PARTS,
  openBrowser,
  watchedContext,
} from "../helpers/console.ts";
import { type Installation, newPlace, type Place, startInstallation } from "../helpers/installation.ts";
import { type Laptop, openLaptop } from "../helpers/laptop.ts";
import { IS_TRIAL } from "../helpers/trial.ts";

const STACK = { organisation: "default", project: "laptop", stack: "dev" };
const ADDRESS = "/stacks/default/laptop/dev";
/** Long enough for every look at the page of a run that holds its stack. */
const SLOW_CREATE_MS = 240_000;
/** The CLI sends its events every four seconds. */
const EVENTS_WITHIN_MS = 30_000;
/** Pages that read again and again are never quiet for long. */
const QUIET_WITHIN_MS = 2_500;
const TABS = ["history", "resources", "outputs", "states", "releases", "audit"];

const runsHere = hasChromium();
if (!runsHere)
  console.warn("skipped: runs of the Pulumi CLI in the console need Chromium (or CHROMIUM=<path>)");

/* A person's own `pulumi up` against a whole Slipway, seen in the console: live, lost, held, cancelled, and in the history. */
describe.skipIf(!runsHere)("a run of the Pulumi CLI in the console", () => {
  let place: Place;
  let slipway: Installation;
  let laptop: Laptop;
  let browser: Browser;
  let context: BrowserContext;
  let page: Page;
  let kill: (() => Promise<void>) | undefined;
  const complaints: string[] = [];

  beforeAll(async () => {
    place = await newPlace("state-runs");
    slipway = await startInstallation({ place });
    laptop = await openLaptop(slipway);
    commitFolder(laptop.folder);
    browser = await openBrowser();
    context = await watchedContext(browser, slipway.baseUrl, LOOKS[0], complaints);
    page = await context.newPage();
    await page.goto(`${slipway.baseUrl}/#token=${slipway.token}`);
    await page.getByRole("heading", { name: "Stacks" }).waitFor();
  });
  afterAll(async () => {
    await kill?.();
    await browser?.close();
    await slipway?.stop();
    place?.remove();
  });

  const open = (address: string) => page.goto(`${slipway.baseUrl}${address}`);
  const button = (name: string) => page.getByRole("button", { name, exact: true }).first();

  test("a stack that the CLI made says in every tab that nothing has happened yet", async () => {
    expect(await laptop.pulumi(["stack", "init", "dev"])).toMatchObject({ code: 0 });
    await open(ADDRESS);
    await page.getByText("No deployments yet, and no runs of the Pulumi CLI.").waitFor();
    for (const [tab, text] of [
      ["Resources", "The stack has no state yet."],
      ["Outputs", "Not deployed yet."],
      ["States", "No state yet."],
    ] as const) {
      await page.getByRole("tab", { name: tab }).click();
      await page.getByText(text).waitFor();
    }
    expect(await page.getByText("Held by").count()).toBe(0);
  });

  test("a preview of the CLI holds nothing and is in the history with what it would change", async () => {
    laptop.write([{ name: "one" }]);
    expect(await laptop.pulumi(["preview"])).toMatchObject({ code: 0 });
    await open(ADDRESS);
    const row = page.getByRole("row", { name: /pulumi preview/ });
    await row.getByText("2 to create").waitFor();
    await row.getByRole("link", { name: "pulumi preview" }).click();
    await page.getByRole("heading", { name: /pulumi preview.*succeeded/ }).waitFor();
    await page
      .getByRole("cell", { name: /to create/ })
      .first()
      .waitFor();
    expect(await button("Cancel").count()).toBe(0);
  });

  test("a bare `pulumi up` appears live: who holds the stack, what is being created, what the client claims", async () => {
    laptop.write([
      { name: "one" },
      { name: "below", parent: "one" },
      { name: "two", delayMs: SLOW_CREATE_MS },
    ]);
    kill = await laptop.upUntilCreating("two");
    await open("/");
    await page.getByRole("link", { name: "pulumi update" }).waitFor();
    await open(ADDRESS);
    const holder = page.getByRole("status", { name: "Who holds the stack" });
    await holder.getByRole("link", { name: "update v1 of the Pulumi CLI" }).waitFor();
    await holder.getByText(/Until .*, in [45] min/).waitFor();
    await holder.getByText("Last journal entry").waitFor();
    await holder.getByText("pulumi cancel --yes --stack default/laptop/dev").waitFor();
    await page.getByRole("row", { name: /pulumi update v1.*running/ }).waitFor();
    await holder.getByRole("link").click();
    await page.getByRole("heading", { name: /pulumi update v1.*running/ }).waitFor();
    const row = page.getByRole("row", { name: /ledger:index:Entry/ });
    await row.filter({ hasText: "two" }).getByText("creating").waitFor({ timeout: EVENTS_WITHIN_MS });
    await row.filter({ hasText: "one" }).getByText("created").waitFor();
    await page.getByRole("heading", { name: "Claimed by the client" }).waitFor();
    await page.getByText("has uncommitted changes").waitFor();
    await page.getByText("the first commit").first().waitFor();
    await page.getByText(/by owner, .*Pulumi 3\./).waitFor();
  });

  test("killed with -9, the run still holds the stack, and the page says until when and what frees it", async () => {
    await kill?.();
    kill = undefined;
    const refused = await laptop.pulumi(["up", "--yes", "--skip-preview"]);
    expect(refused.code).not.toBe(0);
    await open(ADDRESS);
    const holder = page.getByRole("status", { name: "Who holds the stack" });
    await holder.getByText(/Until .*unless it is renewed/).waitFor();
    await holder.getByText("Freed by").waitFor();
  });

  test("a holder whose time is over is shown as such", async () => {
    const { writer } = await slipway.client.getWriter({ params: STACK });
    const late = { ...writer, expired: true, expiresAt: new Date(Date.now() - 90_000).toISOString() };
    const tab = await context.newPage();
    await tab.route("**/writer", (route) => route.fulfill({ json: { writer: late } }));
    await tab.goto(`${slipway.baseUrl}/#token=${slipway.token}`);
    await tab.getByRole("heading", { name: "Stacks" }).waitFor();
    await tab.goto(`${slipway.baseUrl}${ADDRESS}`);
    await tab.getByText(/Its time ran out at .*Slipway frees the stack by itself/).waitFor();
    await tab.close();
  });

  test.each(LOOKS_OF_PARTS)(
    "while the stack is held, its pages pass WCAG 2.2 AA and fit a $device in $scheme colours",
    async (its) => {
      const { holder } = (await slipway.client.getWriter({ params: STACK })).writer ?? {};
      const id = holder?.kind === "update" ? holder.updateId : "";
      expect(await look(its, "held", [ADDRESS, `/updates/${id}`])).toEqual([]);
    },
  );

  test("it is cancelled after a question, and the stack is free", async () => {
    await open(ADDRESS);
    await button("Cancel").click();
    const question = page.getByRole("dialog");
    await question.getByText("The stack becomes free within seconds.").waitFor();
    await question.getByRole("button", { name: "Let it run" }).click();
    await question.waitFor({ state: "hidden" });
    expect((await slipway.client.getWriter({ params: STACK })).writer).not.toBeNull();
    await button("Cancel").click();
    await page.waitForTimeout(ANIMATION_MS);
    expect(await faultsOf(page, "cancel-question")).toEqual([]);
    await question.getByRole("button", { name: "Cancel the run" }).click();
    await page
      .getByRole("row", { name: /pulumi update v1.*cancelled/ })
      .waitFor({ timeout: EVENTS_WITHIN_MS });
    await page.getByText("Held by").waitFor({ state: "hidden" });
    expect((await slipway.client.getWriter({ params: STACK })).writer).toBeNull();
  });

  test("what it left is a partial state with the tree of its resources and the create of which nobody knows the end", async () => {
    await open(`${ADDRESS}?tab=states`);
    await page.getByRole("row", { name: /partial.*pulumi update v1/ }).waitFor();
    await page.getByRole("tab", { name: "Resources" }).click();
    await page.getByText("Nobody knows how 1 operation ended").waitFor();
    await page.getByText(/creating two/).waitFor();
    expect(await faultsOf(page, "pending-operation")).toEqual([]);
    // The child is right below its parent, and says so to who cannot see the indent.
    const names = await page.locator("td[data-label=Name]").allInnerTexts();
    const one = names.findIndex((name) => name.startsWith("one"));
    expect(names[one + 1]).toMatch(/^below\s*, child of one/);
    await page.getByLabel("Name or type").fill("below");
    await page.getByText("1 of 4 resources").waitFor();
  });

  test("the run's page knows what was in flight as unknown, and the audit log has its beginning and its end", async () => {
    await open("/default/laptop/dev/updates/1");
    await page.waitForURL(/\/updates\/[0-9a-f-]{36}$/);
    await page.getByRole("heading", { name: /pulumi update v1.*cancelled/ }).waitFor();
    await page.getByRole("row", { name: /create: unknown two/ }).waitFor();
    await open(`${ADDRESS}?tab=audit`);
    for (const action of ["stack.created", "update.started", "update.cancelled"])
      await page.getByText(action, { exact: true }).first().waitFor();
    await page
      .getByText(/by the client: Pulumi 3.*the first commit; commit .* with uncommitted changes/)
      .first()
      .waitFor();
  });

  test("the next run succeeds; outputs are those of its state, secret ones hidden", async () => {
    laptop.write(
      [{ name: "one" }, { name: "below", parent: "one" }],
      'export const password = pulumi.secret("tops3cret");',
    );
    expect(await laptop.pulumi(["refresh", "--yes", "--clear-pending-creates"])).toMatchObject({ code: 0 });
    expect(await laptop.pulumi(["up", "--yes", "--skip-preview"])).toMatchObject({ code: 0 });
    await open(`${ADDRESS}?tab=outputs`);
    await page.getByRole("row", { name: /password.*secret/ }).waitFor();
    await page.getByRole("row", { name: /version.*v1/ }).waitFor();
    expect(await page.content()).not.toContain("tops3cret");
    await page.getByText("No release").waitFor();
    await page.getByRole("link", { name: "pulumi update v4" }).first().waitFor();
  });

  test("who reads the outputs is shown beside them", async () => {
    await open(`${ADDRESS}?tab=outputs`);
    await page.getByText("Nobody's program has read them.").waitFor();
    const reference =
      'export const seen = new pulumi.StackReference("default/laptop/dev").getOutput("version");';
    laptop.write([], reference);
    expect(await laptop.pulumi(["stack", "init", "web", "--no-select"])).toMatchObject({ code: 0 });
    expect(await laptop.pulumi(["up", "--yes", "--skip-preview", "--stack", "web"])).toMatchObject({
      code: 0,
    });
    expect((await laptop.pulumi(["stack", "output", "seen", "--stack", "web"])).stdout.trim()).toBe("v1");
    await open(`${ADDRESS}?tab=outputs`);
    const readers = page.getByRole("region", { name: "Who reads these outputs" });
    await readers.getByRole("row", { name: /laptop\/web.*owner.*just now/ }).waitFor();
  });

  test("addresses that the CLI prints lead to the right page, and one of nothing says so", async () => {
    await open("/default/laptop/dev");
    await page.waitForURL(/\/stacks\/default\/laptop\/dev/);
    await page.getByRole("heading", { name: "dev", level: 1 }).waitFor();
    const { items } = await slipway.client.listUpdates({ params: STACK });
    const preview = items.find(({ dryRun }) => dryRun)?.id ?? "";
    await open(`/default/laptop/dev/previews/${preview}`);
    await page.waitForURL(new RegExp(`/updates/${preview}$`));
    await open("/default/laptop/dev/updates/99");
    await page.getByRole("alert").getByText("The stack has no update 99.").waitFor();
    await open("/updates/00000000-0000-4000-8000-000000000000");
    await page.getByRole("alert").waitFor();
  });

  // While the stack is held most of them are looked at already.
  test.each(IS_TRIAL ? LOOKS : [])(
    "its pages pass WCAG 2.2 AA and fit a $device in $scheme colours",
    async (its) => {
      const { items } = await slipway.client.listUpdates({ params: STACK });
      const cancelled = items.find(({ status }) => status === "cancelled");
      const addresses = ["/", ...TABS.map((tab) => `${ADDRESS}?tab=${tab}`), `/updates/${cancelled?.id}`];
      expect(await look(its, "after", [...addresses, "/default/laptop/dev/updates/99"])).toEqual([]);
    },
  );

  test("nothing was asked of other servers and no page failed", () => {
    expect(complaints).toEqual([]);
  });

  /** Faults of pages in one look. */
  async function look(
    its: (typeof LOOKS)[number],
    what: string,
    addresses: readonly string[],
  ): Promise<string[]> {
    const mine = await watchedContext(browser, slipway.baseUrl, its, complaints);
    const tab = await mine.newPage();
    const found: string[] = [];
    await tab.goto(`${slipway.baseUrl}/#token=${slipway.token}`);
    await tab.getByRole("heading", { name: "Stacks" }).waitFor();
    for (const address of addresses) {
      await tab.goto(`${slipway.baseUrl}${address}`);
      // The frame of the console: a page that only says why there is none has a heading too.
      await tab.getByRole("navigation", { name: "Main" }).waitFor();
      await tab.getByRole("heading", { level: 1 }).waitFor();
      await tab.waitForLoadState("networkidle", { timeout: QUIET_WITHIN_MS }).catch(() => {
        // The event stream of a running update stays open.
      });
      const name = `${what}${address.replaceAll(/[^a-z0-9]+/gi, "-")}-${its.scheme}-${its.device}`;
      found.push(...(await faultsOf(tab, name)));
    }
    await mine.close();
    return found;
  }
});

/** A commit, and a change that no commit has. */
function commitFolder(folder: string): void {
  const git = (...args: string[]) =>
    execFileSync("git", ["-c", "user.name=Ada", "-c", "user.email=ada@example.com", ...args], {
      cwd: folder,
      stdio: "ignore",
    });
  writeFileSync(path.join(folder, ".gitignore"), "node_modules\n");
  git("init", "-b", "main");
  git("add", ".");
  git("commit", "-m", "the first commit");
}
