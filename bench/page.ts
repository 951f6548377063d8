import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Browser, chromium } from "playwright-core";
import { openDatabase } from "../automation/src/database.ts";
import { loadCredentials } from "../automation/src/postgres/credentials.ts";
import { findFolders } from "../automation/src/postgres/location.ts";
import { readPostmasterFile } from "../automation/src/postgres/postmaster-file.ts";
import { connectionUrl } from "../automation/src/postgres/roles.ts";
import { defaultKeySettings } from "../automation/src/secrets/key-settings.ts";
import { openKeyring } from "../automation/src/secrets/open-keyring.ts";
import type { Figure } from "./figure.ts";
import { median, percentile, printTable } from "./figure.ts";
import type { Installation } from "./installation.ts";
import { freePort, startInstallation } from "./installation.ts";
import { insertPreviewed, largePreview } from "./large-preview.ts";
import type { BenchOptions } from "./options.ts";

const RESOURCES = 5_000;
const LIMIT_MS = 200;
const DEFAULT_LOOKS = 60;
const QUICK_LOOKS = 20;
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const SHOWN_WITHIN_MS = 60_000;
/** A page that has had no long task for so long can be used. */
const QUIET_MS = 500;

/** One request of the page: its address below the server, and whether it is a stream of events, which has no end of its own. */
interface Asked {
  path: string;
  isStream: boolean;
}

/**
 * The page of a deployment whose preview has 5,000 resources. The page is opened in Chromium, which tells what it asks for; each of these requests is then made again and again. The figure is
 * the largest 95th percentile of all of them, from the request to the last byte of its answer (of the stream of events: to its first bytes). How long the page takes until it can be used is printed beside it.
 */
export async function measurePage({ pairs, quick }: BenchOptions): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), "slipway-bench-"));
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const installation = await startInstallation(join(folder, "data"), await freePort(), []);
    undo.push(() => installation.stop());
    const { db, close } = openDatabase(databaseOf(installation), { applicationName: "slipway-bench" });
    undo.push(close);
    const keyring = await openKeyring({ db, settings: defaultKeySettings(installation.dataDir) });
    const id = await insertPreviewed(db, keyring, largePreview(RESOURCES));
    const asked = await openInBrowser(installation, id);
    const looks = quick ? QUICK_LOOKS : (pairs ?? DEFAULT_LOOKS);
    const rows: string[][] = [];
    let worst = 0;
    for (const one of asked) {
      const times: number[] = [];
      let bytes = 0;
      for (let look = 0; look < looks; look += 1) {
        const began = performance.now();
        bytes = await ask(installation, one);
        times.push(performance.now() - began);
      }
      const p95 = percentile(times, 0.95);
      worst = Math.max(worst, p95);
      rows.push([
        one.path.replace(id, "<id>"),
        median(times).toFixed(1),
        p95.toFixed(1),
        (bytes / 1000).toFixed(0),
      ]);
    }
    printTable(["request", "median ms", "p95 ms", "kB"], rows);
    return [
      {
        name: "page p95",
        value: worst,
        limit: LIMIT_MS,
        text: `${worst.toFixed(0)} ms`,
        limitText: `${LIMIT_MS} ms`,
      },
    ];
  } finally {
    for (const step of undo.toReversed()) await step();
  }
}

async function ask({ baseUrl, token }: Installation, { path, isStream }: Asked): Promise<number> {
  const stop = new AbortController();
  const accept = isStream ? "text/event-stream" : "application/json";
  const response = await fetch(`${baseUrl}${path}`, {
    headers: { authorization: `Bearer ${token}`, accept },
    signal: stop.signal,
  });
  // What a deployment does not have, such as an approval, is asked for all the same.
  if (!response.ok && response.status !== 404) throw new Error(`${path} was answered ${response.status}.`);
  if (!isStream) return (await response.arrayBuffer()).byteLength;
  const first = await response.body?.getReader().read();
  stop.abort();
  return first?.value?.byteLength ?? 0;
}

/** Opens the page twice, the second time with what a browser keeps, and answers what it asked the API for; then also what it asks for when somebody wants to see what else changes. */
async function openInBrowser(installation: Installation, id: string): Promise<Asked[]> {
  if (!existsSync(CHROMIUM)) throw new Error(`This bench needs Chromium at ${CHROMIUM}, or CHROMIUM=<path>.`);
  const browser: Browser = await chromium.launch({
    executablePath: CHROMIUM,
    args: ["--disable-background-networking", ...(process.getuid?.() === 0 ? ["--no-sandbox"] : [])],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 1280, height: 900 } });
    page.setDefaultTimeout(SHOWN_WITHIN_MS);
    await page.addInitScript(
      "window.longTasks = []; new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((one) => ({ end: one.startTime + one.duration, ms: one.duration })))).observe({ type: 'longtask', buffered: true });",
    );
    await page.goto(`${installation.baseUrl}/#token=${installation.token}`);
    await page.getByRole("heading", { level: 1, name: "Stacks" }).waitFor();
    const asked = new Map<string, Asked>();
    page.on("request", (request) => {
      const { pathname, search } = new URL(request.url());
      if (request.method() !== "GET" || !pathname.startsWith("/v1/")) return;
      const isStream = request.headers().accept?.includes("event-stream") === true;
      asked.set(pathname + search, { path: pathname + search, isStream });
    });
    for (const visit of ["first", "second"]) {
      const began = performance.now();
      await page.goto(`${installation.baseUrl}/deployments/${id}`);
      await page.getByRole("heading", { name: "What changes" }).waitFor();
      await page.locator("details.planned").first().waitFor();
      const shown = performance.now() - began;
      const { usable, longest } = await quiet(page);
      console.log(
        `${visit} visit: its first resources after ${shown.toFixed(0)} ms, usable after ${usable.toFixed(0)} ms, longest task ${longest.toFixed(0)} ms`,
      );
    }
    const began = performance.now();
    await page.getByText("What else changes").click();
    await page.locator(".picture").waitFor();
    console.log(`what else changes: drawn after ${(performance.now() - began).toFixed(0)} ms`);
    return [...asked.values()];
  } finally {
    await browser.close();
  }
}

/** Waits until the page has had no long task for a while; answers when the last of them ended, since its navigation, and how long the longest took. */
async function quiet(
  page: Awaited<ReturnType<Browser["newPage"]>>,
): Promise<{ usable: number; longest: number }> {
  for (;;) {
    const { now, last, longest } = await page.evaluate<{ now: number; last: number; longest: number }>(
      "({ now: performance.now(), last: Math.max(0, ...longTasks.map((one) => one.end)), longest: Math.max(0, ...longTasks.map((one) => one.ms)) })",
    );
    if (now - last > QUIET_MS) return { usable: last, longest };
    await sleep(QUIET_MS / 5);
  }
}

export function databaseOf({ dataDir }: Installation): string {
  const { dir, cluster } = findFolders(join(dataDir, "postgres"));
  const port = readPostmasterFile(cluster)?.port;
  if (port === undefined) throw new Error("The installation has no Postgres of its own; unset DATABASE_URL.");
  return `${connectionUrl(port, "postgres", loadCredentials(dir).admin, "slipway")}?sslmode=disable`;
}
