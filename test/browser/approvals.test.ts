import type { Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createClient } from "../../automation/src/client/index.ts";
import {
  ANIMATION_MS,
  faultsOf,
  hasChromium,
  LOOKS,
  LOOKS_OF_PARTS,
  watchedContext,
} from "../helpers/console.ts";
import { type ConsoleBed, deployHarbour, openConsoleBed, HARBOUR as STACK } from "../helpers/console-bed.ts";
import { writeHarbourProject } from "../helpers/harbour-project.ts";

const ENDED_MS = 120_000;
const RULES = "/stacks/default/harbour/prod?tab=rules";

const hasBrowser = hasChromium();
if (!hasBrowser) console.warn("skipped: the console in a browser needs Chromium (or CHROMIUM=<path>)");

describe.skipIf(!hasBrowser)("approvals in the console", () => {
  let bed: ConsoleBed;
  let installation: ConsoleBed["installation"];
  let folder: string;
  /** Pages of two pilots and of the owner, each in a browser of their own. */
  let mia: Page;
  let tom: Page;
  let owner: Page;
  const tokens = { mia: "", tom: "" };
  let waiting: string;

  async function request(message: string): Promise<string> {
    const body = { operation: "update" as const, message };
    const { id } = await installation.client.requestDeployment({ params: STACK, body });
    await bed.reached(id, ["waiting_approval"]);
    return id;
  }

  beforeAll(async () => {
    bed = await openConsoleBed("approvals");
    ({ installation } = bed);
    const { client } = installation;
    folder = await deployHarbour(bed);
    for (const name of ["mia", "tom"] as const) {
      await client.setMember({
        params: { organisation: "default", member: name },
        body: { role: "deployer" },
      });
      tokens[name] = (await client.createToken({ body: { name: "test", principal: `user:${name}` } })).value;
    }
    writeHarbourProject(folder, "harbour", 2);
    [mia, tom, owner] = await Promise.all([
      bed.signedIn(tokens.mia),
      bed.signedIn(tokens.tom),
      bed.signedIn(installation.token),
    ]);
  });
  afterAll(() => bed?.close());

  test("a group is made and filled, and a stack gets a rule that asks for its votes", async () => {
    await owner.goto(`${installation.baseUrl}/groups`);
    await owner.getByLabel("New group").fill("pilots");
    await owner.getByRole("button", { name: "Make the group" }).click();
    for (const name of ["mia", "tom"]) {
      await owner.getByLabel("Person to add to pilots").fill(name);
      await owner.getByRole("button", { name: "Add", exact: true }).click();
      await owner.getByRole("button", { name: `Take ${name} out of pilots` }).waitFor();
    }
    await owner.goto(`${installation.baseUrl}${RULES}`);
    await owner.getByText("No rule is set: nothing waits for votes.").waitFor();
    await owner.getByRole("button", { name: "Change the rules" }).click();
    await owner.getByRole("button", { name: "Add a rule" }).click();
    await owner.getByLabel("Name", { exact: true }).fill("two-pilots");
    await owner.getByRole("combobox", { name: "From groups" }).click();
    await owner.getByRole("option", { name: "pilots" }).first().click();
    await owner.keyboard.press("Escape");
    // More votes than the group has people would lock everybody out: the server refuses it, and the form stays.
    await owner.getByLabel("Votes", { exact: true }).fill("3");
    await owner.getByRole("button", { name: "Save the rules" }).click();
    await owner.getByRole("alert").first().waitFor();
    await owner.getByLabel("Votes", { exact: true }).fill("2");
    await owner.getByRole("button", { name: "Save the rules" }).click();
    await owner.getByRole("cell", { name: "two-pilots" }).waitFor();
  });

  test("who may vote finds it in the navigation and the inbox; who asked for it may not", async () => {
    waiting = await request("a larger quay");
    await mia.getByRole("link", { name: /Approvals 1 waiting for you/ }).click();
    await mia.getByRole("heading", { name: "Waiting for me" }).waitFor();
    await mia.getByRole("cell", { name: /a larger quay/ }).waitFor();
    await mia.getByRole("link", { name: /update #2/ }).click();
    await mia.getByText("2 votes are missing.").waitFor();
    await mia.getByText("mia or tom", { exact: false }).first().waitFor();
    await mia.getByText("high risk").waitFor();
    await owner.goto(`${installation.baseUrl}/deployments/${waiting}`);
    await owner.getByText("2 votes are missing.").waitFor();
    await owner.getByText(/Whoever has a part in a change cannot decide about it/).waitFor();
    expect(await owner.getByRole("button", { name: "Approve" }).count()).toBe(0);
    await owner.goto(`${installation.baseUrl}/approvals`);
    await owner.getByText("Nothing waits for you.").waitFor();
    await owner.getByRole("cell", { name: /a larger quay/ }).waitFor();
  });

  test("everything about the decision is above the fold, before steps and log", async () => {
    const bottom = async (name: string) => {
      const box = await mia.getByRole("button", { name, exact: true }).first().boundingBox();
      return (box?.y ?? Number.NaN) + (box?.height ?? Number.NaN);
    };
    expect(await bottom("Approve")).toBeLessThan(LOOKS[0].viewport.height);
    expect(await mia.getByRole("button", { name: "Reject" }).isDisabled()).toBe(true);
  });

  test.each(LOOKS_OF_PARTS)("the pages pass WCAG 2.2 AA on a $device in $scheme colours", async (its) => {
    const mine = await watchedContext(bed.browser, installation.baseUrl, its, bed.complaints);
    const tab = await mine.newPage();
    const found: string[] = [];
    const look = async (name: string) => {
      await tab.waitForTimeout(ANIMATION_MS);
      found.push(...(await faultsOf(tab, `${name}-${its.scheme}-${its.device}`)));
    };
    await tab.goto(`${installation.baseUrl}/approvals#token=${tokens.tom}`);
    await tab.getByRole("cell", { name: /a larger quay/ }).waitFor();
    await look("approvals");
    await tab.goto(`${installation.baseUrl}/deployments/${waiting}`);
    await tab.getByRole("button", { name: "Approve" }).waitFor();
    await tab.locator("details.planned").first().waitFor();
    await look("waiting");
    await tab.goto(`${installation.baseUrl}/groups`);
    await tab.getByRole("heading", { name: "pilots" }).waitFor();
    await look("groups");
    await tab.goto(`${installation.baseUrl}${RULES}`);
    await tab.getByRole("button", { name: "Change the rules" }).click();
    await look("rules");
    await mine.close();
    expect(found).toEqual([]);
  });

  test("a vote names the seal that was shown, and the last one lets the update run", async () => {
    const { seal } = await installation.client.getApproval({ params: { id: waiting } });
    for (const [page, missing] of [
      [mia, "1 vote is missing."],
      [tom, null],
    ] as const) {
      await page.goto(`${installation.baseUrl}/deployments/${waiting}`);
      const sent = page.waitForRequest((one) => one.method() === "POST" && one.url().endsWith("/votes"));
      await page.getByRole("button", { name: "Approve" }).click();
      expect((await sent).postDataJSON()).toEqual({ verdict: "approve", seal });
      if (missing !== null) await page.getByText(missing).waitFor();
    }
    await mia.getByText("You have voted: approve.").waitFor();
    await tom.getByRole("link", { name: "release 2" }).waitFor({ timeout: ENDED_MS });
    await tom.getByText("exact: what runs is what was sealed").waitFor();
    await tom.getByRole("cell", { name: "mia" }).first().waitFor();
  });

  test("what moves while votes are awaited ends it as stale, and it is previewed again by one button", async () => {
    writeHarbourProject(folder, "harbour", 3);
    const id = await request("another tag");
    await mia.goto(`${installation.baseUrl}/deployments/${id}`);
    await mia.getByRole("button", { name: "Approve" }).waitFor();
    await installation.client.setConfig({
      params: { ...STACK, key: "harbour:depth" },
      body: { value: "12", secret: false },
    });
    await mia.getByRole("heading", { name: /stale/ }).waitFor({ timeout: ENDED_MS });
    await mia.getByText("What moved since it was previewed").waitFor();
    await mia.getByText("the config on the server").first().waitFor();
    expect(await mia.getByRole("button", { name: "Approve" }).count()).toBe(0);
    await mia.getByRole("button", { name: "Preview again" }).click();
    await mia.getByRole("heading", { name: /update #4/ }).waitFor();
  });

  test("a rejection needs a comment, ends it, and is said with its reason", async () => {
    const { items } = await installation.client.listDeployments({ query: { limit: 1 } });
    const id = items[0]?.id ?? "";
    await bed.reached(id, ["waiting_approval"]);
    await tom.goto(`${installation.baseUrl}/deployments/${id}`);
    await tom.getByLabel("Comment").fill("not while the tide is out");
    await tom.getByRole("button", { name: "Reject" }).click();
    await tom.getByRole("heading", { name: /rejected/ }).waitFor();
    await tom.getByText("not while the tide is out").first().waitFor();
    const shown = await installation.cli(["show", id]);
    expect(shown.code, shown.stderr).toBe(0);
    expect(shown.stdout).toContain("not while the tide is out");
    expect(bed.complaints).toEqual([]);
  });

  test("an emergency is counted above the list of all stacks until somebody else has reviewed it", async () => {
    const { baseUrl, client } = installation;
    const { rules, statefulTypes } = await client.getStackRules({ params: STACK, query: {} });
    await client.setStackRules({ params: STACK, body: { rules, statefulTypes, emergency: ["pilots"] } });
    const { value } = await createClient({ baseUrl, token: tokens.tom }).signIn();
    const emergency = {
      reason: "The harbour is flooding and mia is at sea.",
      incident: "https://status.example/7",
    };
    const { id } = await createClient({ baseUrl, token: value }).requestDeployment({
      params: STACK,
      body: { operation: "refresh", emergency },
    });
    await client.cancelDeployment({ params: { id } });
    await owner.goto(`${baseUrl}/`);
    await owner.getByText("One emergency is not reviewed").waitFor();
    await owner.getByRole("link", { name: "Look at them" }).click();
    await owner.getByRole("button", { name: "Review" }).click();
    await owner.getByLabel("What the review came to").fill("Right, and too late.");
    await owner.getByRole("button", { name: "Record the review" }).click();
    await owner.getByRole("cell", { name: /Right, and too late/ }).waitFor();
    await owner.getByRole("link", { name: "Stacks", exact: true }).click();
    await owner.getByRole("heading", { name: "Stacks" }).waitFor();
    expect(await owner.getByText("One emergency is not reviewed").count()).toBe(0);
    expect(bed.complaints).toEqual([]);
  });
});
