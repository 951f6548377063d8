import path from "node:path";
import type { Browser, Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildConsole } from "../../automation/src/start/console-build.ts";
import { bearer, tokenOf } from "../helpers/access.ts";
import type { TestApi } from "../helpers/api.ts";
import { startTestApi } from "../helpers/api.ts";
import { comeToWait, signIn } from "../helpers/approvals.ts";
import {
  ANIMATION_MS,
  faultsOf,
  hasChromium,
  LOOKS,
  LOOKS_OF_PARTS,
  openBrowser,
  watchedContext,
} from "../helpers/console.ts";
import { recordRelease } from "../helpers/records.ts";

const ROOT = path.resolve(import.meta.dirname, "../..");
const PAGE = "/stacks/default/shop/production?tab=readiness";
const hasBrowser = hasChromium();
if (!hasBrowser) console.warn("skipped: the console in a browser needs Chromium (or CHROMIUM=<path>)");

describe.skipIf(!hasBrowser)("readiness in the console", () => {
  let api: TestApi;
  let baseUrl: string;
  let browser: Browser;
  /** A deployer's. */
  let token: string;
  /** Of the same person, as headers. */
  let session: Record<string, string>;
  const complaints: string[] = [];

  beforeAll(async () => {
    await buildConsole(ROOT, process.execPath, new AbortController().signal);
    api = await startTestApi({ consoleDir: path.join(ROOT, "frontend/console/dist") });
    baseUrl = await api.app.listen({ host: "127.0.0.1", port: 0 });
    await api.makeStack("shop", "test");
    await api.ask("POST", "/v1/stacks", { body: { project: "shop", name: "production" } });
    await api.ask("PUT", "/v1/projects/default/shop/environments", {
      body: { stacks: [{ stack: "test" }, { stack: "production" }] },
    });
    const { body } = await api.ask("POST", "/v1/stacks/default/shop/test/deployments", {
      body: { operation: "update" },
    });
    await recordRelease(api.db, body.id, "good");
    token = await tokenOf(api, "bea", { default: "deployer" });
    session = await signIn(api, bearer(token));
    await api.ask("PUT", "/v1/stacks/default/shop/production/readiness/settings", {
      body: {
        required: true,
        without: ["verified-before"],
        manual: [{ name: "on-call", title: "Somebody is on call" }],
      },
    });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await api?.close();
  });

  async function open(look: (typeof LOOKS)[number]): Promise<Page> {
    const page = await (await watchedContext(browser, baseUrl, look, complaints)).newPage();
    await page.goto(`${baseUrl}/#token=${token}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await page.goto(`${baseUrl}${PAGE}`);
    await page.getByRole("heading", { name: "For release 1 of test" }).waitFor();
    return page;
  }

  test("a person ticks what people look at, signs the release off, and takes that back", async () => {
    const page = await open(LOOKS[0]);
    const promote = () =>
      api.ask("POST", "/v1/stacks/default/shop/production/deployments", {
        body: { operation: "update", promote: { stack: "test" } },
        headers: bearer(api.token),
      });
    const { body: waiting } = await promote();
    expect(await comeToWait(api.db, waiting.id)).toEqual({ kind: "waits" });
    const signInField = page.getByLabel("Your token, to sign in for voting");
    if (await signInField.isVisible()) {
      await signInField.fill(token);
      await page.getByRole("button", { name: "Sign in to vote" }).click();
      await signInField.waitFor({ state: "hidden" });
    }
    await page.getByLabel("What you looked at").fill("all of it");
    expect(await page.getByRole("button", { name: "Sign off" }).isDisabled()).toBe(true);
    await page.getByRole("button", { name: "Done: Somebody is on call" }).click();
    await page.getByRole("button", { name: "Take back: Somebody is on call" }).waitFor();
    await page.getByRole("button", { name: "Sign off" }).click();
    await page.getByRole("row", { name: /user:bea.*all of it/ }).waitFor();
    expect(await page.getByRole("button", { name: "Sign off" }).count()).toBe(0);
    expect((await api.ask("GET", `/v1/deployments/${waiting.id}`)).body.status).toBe("queued");
    await api.ask("POST", `/v1/deployments/${waiting.id}/cancel`);
    await page.getByRole("button", { name: "Withdraw" }).click();
    await page.getByText("withdrawn by user:bea").waitFor();
    await page.context().close();
  });

  test("a deployment that waits for a sign-off is in the inbox, says what is open, and is signed off on its page", async () => {
    const { body: waiting } = await api.ask("POST", "/v1/stacks/default/shop/production/deployments", {
      body: { operation: "update", promote: { stack: "test" } },
    });
    await comeToWait(api.db, waiting.id);
    const done = (isDone: boolean) =>
      api.ask("POST", "/v1/stacks/default/shop/production/readiness/ticks", {
        headers: session,
        body: { item: "on-call", done: isDone },
      });
    await done(false);
    const page = await open(LOOKS[0]);
    await page.goto(`${baseUrl}/approvals`);
    await page.getByRole("cell", { name: "the sign-off" }).waitFor();
    await page.getByRole("link", { name: /update #/ }).click();
    await page.getByText("The sign-off is missing.").waitFor();
    await page.getByRole("cell", { name: "Somebody is on call" }).waitFor();
    await page.getByLabel("What you looked at").fill("all of it");
    expect(await page.getByRole("button", { name: "Sign off" }).isDisabled()).toBe(true);
    await page.waitForTimeout(ANIMATION_MS);
    expect(await faultsOf(page, "sign-off-waits")).toEqual([]);
    await done(true);
    await page.reload();
    await page.getByText("Nothing on the checklist is open.").waitFor();
    await page.getByLabel("What you looked at").fill("all of it");
    await page.getByRole("button", { name: "Sign off" }).click();
    await page.getByText("Signed off for release 1 of test: bea.").waitFor();
    expect((await api.ask("GET", `/v1/deployments/${waiting.id}`)).body.status).toBe("queued");
    await page.context().close();
  });

  test("can be read by everybody, in every width and colour, and does nothing that a page must not do", async () => {
    for (const look of LOOKS_OF_PARTS) {
      const page = await open(look);
      await page.waitForTimeout(ANIMATION_MS);
      expect(await faultsOf(page, `readiness-${look.device}-${look.scheme}`)).toEqual([]);
      await page.context().close();
    }
    expect(complaints).toEqual([]);
  });
});
