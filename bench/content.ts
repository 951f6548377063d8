import { randomBytes } from "node:crypto";
import { createWriteStream } from "node:fs";
import { chmod, mkdtemp, open, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { openContentStore } from "../automation/src/artifacts/content-store.ts";
import { migrate } from "../automation/src/database/migrations.ts";
import { openDatabase } from "../automation/src/database.ts";
import { startPostgres } from "../automation/src/postgres/embedded.ts";
import type { Figure } from "./figure.ts";
import { percentile, printTable } from "./figure.ts";

const KB = 1_000;
const MB = 1_000_000;
const SIZES = [
  { name: "100 kB", bytes: 100 * KB },
  { name: "1 MB", bytes: MB },
  { name: "10 MB", bytes: 10 * MB },
  { name: "100 MB", bytes: 100 * MB },
] as const;
const DEFAULT_ROUNDS = 7;
const LOOKS = 200;
const LOOK_LIMIT_MS = 20;
const STORE_LIMIT_MS = 250;
const FETCH_LIMIT_MS = 250;

/** What it costs that the content of sources and services is in Postgres: storing it, asking for it, and copying it to another machine; beside a synced file. */
export async function measureContent(rounds = DEFAULT_ROUNDS): Promise<Figure[]> {
  const folder = await mkdtemp(path.join(tmpdir(), "slipway-bench-"));
  // As root the cluster belongs to another user, who must be able to reach it.
  await chmod(folder, 0o711);
  const server = await startPostgres({ dataDir: path.join(folder, "postgres"), onProgress: () => {} });
  try {
    await migrate(server.url);
    const { db, close } = openDatabase(server.url, { applicationName: "slipway-bench" });
    try {
      return await measure(folder, db, rounds);
    } finally {
      await close();
    }
  } finally {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

async function measure(
  folder: string,
  db: ReturnType<typeof openDatabase>["db"],
  rounds: number,
): Promise<Figure[]> {
  const here = await openContentStore(path.join(folder, "here"), db);
  const there = await openContentStore(path.join(folder, "there"), db);
  const rows: string[][] = [];
  const medians = new Map<string, { store: number; fetch: number }>();
  let last = "";
  for (const { name, bytes } of SIZES) {
    const times = {
      file: [] as number[],
      store: [] as number[],
      again: [] as number[],
      fetch: [] as number[],
      copy: [] as number[],
    };
    // The large one is there to show that memory and time grow as they should.
    for (let round = 0; round < (bytes > 50 * MB ? 2 : rounds); round += 1) {
      const content = randomBytes(bytes);
      const stream = (): Readable => Readable.from(pieces(content), { objectMode: false });
      times.file.push(await timed(() => writeSynced(path.join(folder, "file"), stream())));
      times.store.push(
        await timed(async () => {
          last = (await here.put(stream())).digest;
        }),
      );
      times.again.push(await timed(() => here.put(stream())));
      times.fetch.push(await timed(() => there.fetch(last)));
      times.copy.push(await timed(() => there.fetch(last)));
    }
    const shown = Object.values(times).map((values) => percentile(values, 0.5));
    rows.push([name, ...shown.map((value) => value.toFixed(1))]);
    medians.set(name, { store: percentile(times.store, 0.5), fetch: percentile(times.fetch, 0.5) });
  }
  printTable(
    ["size", "synced file ms", "store ms", "store again ms", "copy to another machine ms", "use the copy ms"],
    rows,
  );
  const looks: number[] = [];
  for (let look = 0; look < LOOKS; look += 1) looks.push(await timed(() => here.has(last)));
  const one = medians.get("1 MB") ?? { store: Number.NaN, fetch: Number.NaN };
  return [
    figure("content known p95", percentile(looks, 0.95), LOOK_LIMIT_MS),
    figure("content store 1 MB", one.store, STORE_LIMIT_MS),
    figure("content fetch 1 MB", one.fetch, FETCH_LIMIT_MS),
  ];
}

function figure(name: string, value: number, limit: number): Figure {
  return { name, value, limit, text: `${value.toFixed(1)} ms`, limitText: `${limit} ms` };
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

function* pieces(content: Buffer): Generator<Buffer> {
  const size = 64 * 1024;
  for (let from = 0; from < content.length; from += size) yield content.subarray(from, from + size);
}

/** What a store in files does: complete or not there, also after a power cut. */
async function writeSynced(file: string, content: Readable): Promise<void> {
  await pipeline(content, createWriteStream(`${file}.new`));
  const handle = await open(`${file}.new`, "r");
  await handle.sync().finally(() => handle.close());
  await rename(`${file}.new`, file);
}
