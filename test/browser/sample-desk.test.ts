import { randomUUID } from "node:crypto";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import type { FastifyInstance } from "fastify";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { buildApp } from "../../services/strategy-api/src/app.ts";
import { migrationsFolder } from "../../services/strategy-api/src/bundle.ts";
import { type Database, openDatabase } from "../../services/strategy-api/src/database.ts";
import { createLogger } from "../../services/strategy-api/src/logger.ts";
import { createStreamRegistry } from "../../services/strategy-api/src/market-data/streams.ts";
import { migrate, readMigrations } from "../../services/strategy-api/src/migrations.ts";
import { type TestDatabase, testPostgres } from "../helpers/postgres.ts";
import { build } from "../helpers/sample.ts";

const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const AXE = path.resolve(import.meta.dirname, "../../node_modules/axe-core/axe.min.js");
const SCREENSHOTS = process.env.SAMPLE_SCREENSHOTS;
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript",
  ".css": "text/css",
  ".svg": "image/svg+xml",
};

// With CI=true nothing is skipped: without the browser the tests then fail.
const hasBrowser = existsSync(CHROMIUM) || process.env.CI === "true";
if (!hasBrowser) console.warn(`skipped: the desk in a browser needs ${CHROMIUM} (or CHROMIUM=<path>)`);

const folder = mkdtempSync(path.join(tmpdir(), "slipway-desk-"));
const logger = createLogger("silent");
let database: TestDatabase;
let db: Database;
let app: FastifyInstance;
let site: Server;
let siteUrl: string;
let browser: Browser | undefined;

beforeAll(async () => {
  database = await testPostgres().freshDatabase({ empty: true });
  db = openDatabase(database.url, logger);
  const migrations = readMigrations(migrationsFolder());
  await migrate(db, migrations);
  const settings = {
    name: "strategy-api",
    version: "4.5.6",
    environment: "test",
    executionMode: "paper",
  } as const;
  app = await buildApp({
    db,
    logger,
    settings: { ...settings, corsOrigins: "loopback", marketTickMs: 100 },
    migrations,
    streams: createStreamRegistry(20),
    now: () => new Date(),
    newId: randomUUID,
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  await build("frontend/strategy-desk", folder);
  // The page and the API have different origins here, as two endpoints have in a deployment.
  site = createServer((request, response) => {
    const url = request.url === "/" ? "/index.html" : (request.url ?? "/");
    const known = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => `/${name}`);
    if (url === "/config.json") {
      const config = {
        apiUrl: `${app.listeningOrigin}/api`,
        environment: "test",
        version: "4.5.5",
        flags: {},
      };
      response.setHeader("content-type", "application/json").end(JSON.stringify(config));
    } else if (known.includes(url)) {
      response.setHeader("content-type", TYPES[path.extname(url)] ?? "application/octet-stream");
      response.end(readFileSync(path.join(folder, url)));
    } else {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => site.listen(0, "127.0.0.1", resolve));
  const address = site.address();
  if (address === null || typeof address === "string") throw new Error("the site has no port");
  siteUrl = `http://127.0.0.1:${address.port}/`;
  if (!hasBrowser) return;
  browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--no-sandbox", "--disable-background-networking"],
  });
});

afterAll(async () => {
  await browser?.close();
  await new Promise((resolve) => {
    site.close(resolve);
    site.closeAllConnections();
  });
  await app.close();
  await db.end();
  await database.drop();
  rmSync(folder, { recursive: true, force: true });
});

/** A page that remembers everything that went wrong in it. */
async function openDesk(
  width: number,
  colorScheme: "light" | "dark",
): Promise<{ page: Page; faults: string[] }> {
  if (browser === undefined) throw new Error("the browser is not running");
  const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
  const faults: string[] = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text());
  });
  await page.goto(siteUrl);
  await page.getByText("live", { exact: true }).waitFor();
  return { page, faults };
}

async function violations(page: Page): Promise<string[]> {
  await page.addScriptTag({ path: AXE });
  const found = await page.evaluate(`axe
    .run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] })
    .then(({ violations }) => violations.map((one) => one.id + ": " + one.nodes[0].html))`);
  return z.array(z.string()).parse(found);
}

describe.skipIf(!hasBrowser)("the desk", () => {
  it("takes a strategy from its template to an equity curve and the audit log", async () => {
    const { page, faults } = await openDesk(1280, "light");
    await expect
      .poll(() => page.locator("header").innerText())
      .toMatch(/test\s+desk 4\.5\.5\s+API 4\.5\.6, paper mode/);
    expect(await page.title()).toBe("Strategy desk (test)");

    await page.getByLabel("Template").selectOption("momentum");
    await page.getByLabel("Strategy name").fill("Follow the tide");
    await page.getByLabel("Instrument").selectOption("TIDE");
    await page.getByLabel("Look-back (days)").fill("30");
    await page.getByRole("button", { name: "Create strategy" }).click();
    await page.getByRole("list", { name: "Your strategies" }).getByText("momentum on TIDE").waitFor();

    await page.getByLabel("Profile name").fill("Steady");
    await page.getByLabel("Stop loss (%), optional").fill("8");
    await page.getByRole("button", { name: "Create risk profile" }).click();
    await page.getByText("up to 80%, stop at −8%").waitFor();

    await page.getByRole("button", { name: "Run backtest" }).click();
    const chart = page.getByRole("img", {
      name: /Equity of Follow the tide on TIDE: [+-][\d.]+% in 504 days/,
    });
    await chart.waitFor();
    const stored = await db.query("select metrics, equity from backtests");
    expect(stored.rows).toHaveLength(1);
    const curve = (await chart.locator("path").getAttribute("d")) ?? "";
    expect(curve.split("L")).toHaveLength(stored.rows[0].equity.length);
    const trades = await page.locator("dl.metrics div", { hasText: "Trades" }).locator("dd").innerText();
    expect(Number(trades)).toBe(stored.rows[0].metrics.trades);

    const changes = page.getByRole("list", { name: "Changes, newest first" }).getByRole("listitem");
    await expect.poll(() => changes.count()).toBe(3);
    expect(await changes.first().innerText()).toContain("backtest completed");
    expect(await violations(page)).toEqual([]);
    if (SCREENSHOTS !== undefined)
      await page.screenshot({ path: `${SCREENSHOTS}/desktop.png`, fullPage: true });
    expect(faults).toEqual([]);
    await page.close();
  });

  it("shows a refusal with its correlation id beside the form", async () => {
    const { page } = await openDesk(1280, "light");
    await page.getByLabel("Strategy name").fill("follow THE tide");
    await page.getByRole("button", { name: "Create strategy" }).click();
    const alert = page.getByRole("alert");
    await alert.waitFor();
    expect(await alert.innerText()).toMatch(/already a strategy called[\s\S]*Correlation id [0-9a-f-]{36}/);
    await page.close();
  });

  it("shows prices that move", async () => {
    const { page, faults } = await openDesk(800, "light");
    const price = page.getByRole("row", { name: /SXTN/ }).getByRole("cell").first();
    const first = await price.innerText();
    await expect.poll(() => price.innerText(), { timeout: 10_000 }).not.toBe(first);
    expect(faults).toEqual([]);
    await page.close();
  });

  it("leads to each of its parts and back, and opens at one", async () => {
    const { page, faults } = await openDesk(800, "light");
    const links = page.getByRole("navigation").getByRole("link");
    expect(await links.allInnerTexts()).toEqual([
      "Strategies",
      "Risk profiles",
      "Backtests",
      "Market data",
      "Audit log",
    ]);
    await links.filter({ hasText: "Audit log" }).click();
    const heading = page.getByRole("heading", { name: "Audit log" });
    const isInView = async () => {
      const box = await heading.boundingBox();
      return box !== null && box.y >= 0 && box.y < 900;
    };
    await expect.poll(isInView).toBe(true);
    expect(page.url()).toBe(`${siteUrl}#audit`);
    await page.goBack();
    expect(page.url()).toBe(siteUrl);
    await page.goto(`${siteUrl}#backtests`);
    await page.getByRole("heading", { name: "Backtests" }).waitFor();
    expect(faults).toEqual([]);
    await page.close();
  });

  it("polls for prices where the API says that it does not stream, and shows an interruption", async () => {
    if (browser === undefined) throw new Error("the browser is not running");
    const page = await browser.newPage({ viewport: { width: 800, height: 900 } });
    const asked: string[] = [];
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await page.route("**/api/about", async (route) => {
      const response = await route.fetch();
      await route.fulfill({ response, json: { ...(await response.json()), marketData: "poll" } });
    });
    await page.goto(siteUrl);
    await page.getByText("live", { exact: true }).waitFor();
    const price = page.getByRole("row", { name: /SXTN/ }).getByRole("cell").first();
    const first = await price.innerText();
    await expect.poll(() => price.innerText(), { timeout: 10_000 }).not.toBe(first);
    await page.route("**/api/market-data/ticks*", (route) => route.abort());
    await page.getByText("interrupted", { exact: true }).waitFor();
    expect(asked).not.toContain("/api/market-data/stream");
    await page.close();
  });

  it("fits a phone in the dark, without sideways scrolling", async () => {
    const { page, faults } = await openDesk(360, "dark");
    await page.getByRole("button", { name: /Follow the tide with Steady/ }).click();
    await page.getByRole("img", { name: /Equity of/ }).waitFor();
    const overflow = await page.evaluate("document.documentElement.scrollWidth - innerWidth");
    expect(overflow).toBe(0);
    expect(await violations(page)).toEqual([]);
    if (SCREENSHOTS !== undefined)
      await page.screenshot({ path: `${SCREENSHOTS}/phone.png`, fullPage: true });
    expect(faults).toEqual([]);
    await page.close();
  });
});

describe("the desk's build", () => {
  it("gives assets whose names carry a hash, and the same bytes again", async () => {
    const again = mkdtempSync(path.join(tmpdir(), "slipway-desk-again-"));
    await build("frontend/strategy-desk", again);
    const files = (from: string) =>
      readdirSync(from, { recursive: true, encoding: "utf8", withFileTypes: true })
        .filter((entry) => entry.isFile())
        .map((entry) => path.relative(from, path.join(entry.parentPath, entry.name)))
        .sort();
    const names = files(folder);
    expect(names.filter((name) => name.startsWith("assets/"))).toHaveLength(2);
    for (const name of names) {
      if (name.startsWith("assets/")) expect(name).toMatch(/-[\w-]{8}\.(js|css)$/);
    }
    expect(files(again)).toEqual(names);
    for (const name of names) {
      expect(readFileSync(path.join(again, name)).equals(readFileSync(path.join(folder, name))), name).toBe(
        true,
      );
    }
    rmSync(again, { recursive: true });
  });
});
