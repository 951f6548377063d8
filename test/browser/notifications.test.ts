import type { Browser } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WebhookReceiver } from "../doubles/webhook-receiver.ts";
import { startWebhookReceiver } from "../doubles/webhook-receiver.ts";
import { faultsOf, hasChromium, LOOKS, openBrowser, watchedContext } from "../helpers/console.ts";
import { type Installation, newPlace, type Place, startInstallation } from "../helpers/installation.ts";
import { eventually } from "../helpers/waiting.ts";

const DELIVERED_WITHIN_MS = 30_000;
const hasBrowser = hasChromium();
if (!hasBrowser) console.warn("skipped: the console in a browser needs Chromium (or CHROMIUM=<path>)");

describe.skipIf(!hasBrowser)("the page of notifications", () => {
  let place: Place;
  let installation: Installation;
  let browser: Browser;
  let receiver: WebhookReceiver;
  let status = 410;
  const complaints: string[] = [];

  beforeAll(async () => {
    place = await newPlace("notifications");
    installation = await startInstallation({ place, env: { SLIPWAY_WEBHOOK_ALLOW: "127.0.0.0/8" } });
    receiver = await startWebhookReceiver({
      answer: (_request, response) => void response.writeHead(status).end(),
    });
    await installation.client.createDestination({
      params: { organisation: "default" },
      body: {
        type: "webhook",
        name: "ops",
        url: `http://127.0.0.1:${receiver.port}/`,
        kinds: ["deployment.failed", "deployment.interrupted", "notification.test"],
        stacks: ["shop/*"],
        minSeverity: "info",
        installation: false,
      },
    });
    browser = await openBrowser();
  });
  afterAll(async () => {
    await browser?.close();
    await receiver?.close();
    await installation?.stop();
    place?.remove();
  });

  test("shows destinations and what was given up, sends again, pauses and resumes, in every width and colour", async () => {
    for (const look of LOOKS) {
      status = 410;
      const context = await watchedContext(browser, installation.baseUrl, look, complaints);
      const page = await context.newPage();
      await page.goto(`${installation.baseUrl}/notifications#token=${installation.token}`);
      await page.getByRole("heading", { name: "Notifications", level: 1 }).waitFor();
      const before = receiver.received.length;
      await page.getByRole("button", { name: "Test ops" }).click();
      const again = page.getByRole("button", { name: /^Send again: This is a test/ });
      await again.first().waitFor({ timeout: DELIVERED_WITHIN_MS });
      await page.getByLabel("Only what was given up").check();
      await page.getByText("1 try").first().click();
      await page.getByText("refused (410)").waitFor();
      expect(await faultsOf(page, `notifications-${look.device}-${look.scheme}`)).toEqual([]);
      status = 204;
      await again.first().click();
      await page.getByText("Nothing was given up.").waitFor({ timeout: DELIVERED_WITHIN_MS });
      await page.getByLabel("Only what was given up").uncheck();
      await page.getByRole("cell", { name: "delivered" }).first().waitFor();
      await eventually("it arrives", DELIVERED_WITHIN_MS, () => receiver.received.length === before + 2);
      await page.getByRole("button", { name: "Pause ops" }).click();
      await page.getByRole("button", { name: "Resume ops" }).click();
      await page.getByRole("button", { name: "Pause ops" }).waitFor();
      await context.close();
    }
    expect(complaints).toEqual([]);
  });
});
