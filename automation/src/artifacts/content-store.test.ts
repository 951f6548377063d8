import { createHash, randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { sql } from "kysely";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import type { OpenDatabase } from "../database.ts";
import { openDatabase } from "../database.ts";
import type { ContentStore } from "./content-store.ts";
import { openContentStore } from "./content-store.ts";
import { CHUNK_BYTES, findContent, insertContent, recordArtifact } from "./store.ts";
import { uploadEarlierFiles } from "./upload-earlier.ts";

let database: TestDatabase;
let open: OpenDatabase;
let home: string;
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
  open = openDatabase(database.url, { applicationName: "slipway-test" });
});
afterAll(async () => {
  await open.close();
  await database.drop();
});
beforeEach(async () => {
  home = await mkdtemp(path.join(tmpdir(), "slipway-content-"));
});
afterEach(() => rm(home, { recursive: true, force: true }));

const storeOf = (machine: string): Promise<ContentStore> =>
  openContentStore(path.join(home, machine), open.db);
const digestOf = (bytes: Buffer): string => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
const streamOf = (bytes: Buffer): Readable => Readable.from([bytes], { objectMode: false });
const chunkCount = async (digest: string): Promise<number> => {
  const { rows } = await sql<{
    count: number;
  }>`select count(*) from artifact_chunks where digest = ${digest}`.execute(open.db);
  return rows[0]?.count ?? 0;
};

/** A data folder of a version that kept its files nowhere else. */
async function earlierMachine(name: string, files: ReadonlyMap<string, Buffer>): Promise<void> {
  for (const [digest, bytes] of files) {
    const hex = digest.slice("sha256:".length);
    const folder = path.join(home, name, "artifacts", "sha256", hex.slice(0, 2));
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, hex), bytes, { mode: 0o400 });
  }
}

test("what one machine stores another reads, in one piece or none, whatever its size", async () => {
  const [here, there] = [await storeOf("here"), await storeOf("there")];
  for (const size of [0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 12_345]) {
    const bytes = randomBytes(size);
    const stored = await here.put(streamOf(bytes));
    expect(stored).toEqual({ digest: digestOf(bytes), sizeBytes: size });
    expect(await there.has(stored.digest)).toBe(true);
    expect((await buffer(await there.read(stored.digest))).equals(bytes)).toBe(true);
    expect((await readFile(there.pathOf(stored.digest))).equals(bytes)).toBe(true);
    expect(await chunkCount(stored.digest)).toBe(Math.ceil(size / CHUNK_BYTES));
  }
  expect(await readdir(path.join(there.root, "incoming"))).toEqual([]);
});

test("a stream that breaks, and a writer that dies between two chunks, leave nothing", async () => {
  const here = await storeOf("here");
  const bytes = randomBytes(2 * CHUNK_BYTES);
  const broken = Readable.from(
    (async function* () {
      yield bytes;
      throw new Error("the disk of the sender broke");
    })(),
  );
  await expect(here.put(broken)).rejects.toThrow("the disk of the sender broke");
  const digest = digestOf(bytes);
  const dies = insertContent(
    open.db,
    { digest, contentSha256: digest, sizeBytes: bytes.length },
    (async function* () {
      yield bytes.subarray(0, CHUNK_BYTES);
      throw new Error("killed");
    })(),
  );
  await expect(dies).rejects.toThrow("killed");
  expect(await here.has(digest)).toBe(false);
  expect(await chunkCount(digest)).toBe(0);
  expect(await readdir(path.join(here.root, "incoming"))).toEqual([]);
});

test("many who store the same at once store it once, and all may use it", async () => {
  const bytes = randomBytes(CHUNK_BYTES + 7);
  const stores = await Promise.all(["a", "b", "c", "d"].map(storeOf));
  const stored = await Promise.all(stores.map((store) => store.put(streamOf(bytes))));
  expect(new Set(stored.map(({ digest }) => digest))).toEqual(new Set([digestOf(bytes)]));
  expect(await chunkCount(digestOf(bytes))).toBe(2);
});

test("a copy that was damaged or removed is copied anew", async () => {
  const here = await storeOf("here");
  const bytes = randomBytes(5_000);
  const { digest } = await here.put(streamOf(bytes));
  const file = here.pathOf(digest);
  expect((await stat(file)).mode & 0o222).toBe(0);
  await chmod(file, 0o600);
  await writeFile(file, "something else");
  expect((await buffer(await here.read(digest))).equals(bytes)).toBe(true);
  await rm(file);
  expect((await buffer(await here.read(digest))).equals(bytes)).toBe(true);
});

test("bytes that are damaged in the database are refused and leave no copy behind", async () => {
  const bytes = randomBytes(CHUNK_BYTES + 100);
  const { digest } = await (await storeOf("here")).put(streamOf(bytes));
  const there = await storeOf("there");
  await sql`update artifact_chunks set body = set_byte(body, 5, get_byte(body, 5) # 1) where digest = ${digest} and position = 1`.execute(
    open.db,
  );
  await expect(there.read(digest)).rejects.toMatchObject({ code: "artifact_damaged" });
  await sql`delete from artifact_chunks where digest = ${digest} and position = 1`.execute(open.db);
  await expect(there.fetch(digest)).rejects.toMatchObject({ code: "artifact_damaged" });
  await expect(stat(there.pathOf(digest))).rejects.toMatchObject({ code: "ENOENT" });
});

test("under a digest of a rule of their own, other bytes do not replace those that are stored", async () => {
  const digest = `sha256:${randomBytes(32).toString("hex")}`;
  const [here, there] = [await storeOf("here"), await storeOf("there")];
  await here.putAs(digest, streamOf(Buffer.from("first")));
  await there.putAs(digest, streamOf(Buffer.from("second")));
  for (const store of [here, there]) expect(await readFile(await store.fetch(digest), "utf8")).toBe("first");
  // Only the bytes' own digest lets them be read as a source.
  await expect(buffer(await here.read(digest))).rejects.toMatchObject({ code: "artifact_damaged" });
});

test("a digest that neither the database nor the machine has is missing, with what to do", async () => {
  const here = await storeOf("here");
  await expect(here.fetch(`sha256:${"0".repeat(64)}`)).rejects.toMatchObject({
    code: "artifact_missing",
    remedy: expect.stringContaining("deploy again"),
  });
});

test("files of an installation from before are put into the database at their first use", async () => {
  const [source, service] = [randomBytes(CHUNK_BYTES + 3), randomBytes(40)];
  const folderDigest = `sha256:${randomBytes(32).toString("hex")}`;
  await recordArtifact(open.db, { digest: folderDigest, kind: "service", sizeBytes: 1 });
  await earlierMachine(
    "old",
    new Map([
      [digestOf(source), source],
      [folderDigest, service],
    ]),
  );
  const old = await storeOf("old");
  expect(await old.has(digestOf(source))).toBe(true);
  expect((await readFile(await old.fetch(folderDigest))).equals(service)).toBe(true);
  const other = await storeOf("other");
  expect((await buffer(await other.read(digestOf(source)))).equals(source)).toBe(true);
  expect((await readFile(await other.fetch(folderDigest))).equals(service)).toBe(true);
});

test("files of an installation from before are put into the database once, damaged ones never", async () => {
  const [good, stored, bad] = [randomBytes(30), randomBytes(31), randomBytes(32)];
  const badDigest = `sha256:${"b".repeat(64)}`;
  await (await storeOf("other")).put(streamOf(stored));
  await earlierMachine(
    "old",
    new Map([
      [digestOf(good), good],
      [digestOf(stored), stored],
      [badDigest, bad],
    ]),
  );
  const old = await storeOf("old");
  const logger = pino({ level: "silent" });
  await uploadEarlierFiles({ db: open.db, artifacts: old, logger }, new AbortController().signal);
  expect(await findContent(open.db, digestOf(good))).toMatchObject({ sizeBytes: 30, chunks: 1 });
  expect(await findContent(open.db, badDigest)).toBeUndefined();

  // What is removed for its age later must not come back from a copy.
  await sql`delete from artifact_contents where digest = ${digestOf(good)}`.execute(open.db);
  for (const store of [old, await storeOf("old")]) {
    await uploadEarlierFiles({ db: open.db, artifacts: store, logger }, new AbortController().signal);
    expect(await store.has(digestOf(good))).toBe(false);
    await expect(store.fetch(digestOf(good))).rejects.toMatchObject({ code: "artifact_missing" });
  }
});

test("asking for stored content tells that it is wanted, at most once an hour", async () => {
  const here = await storeOf("here");
  const { digest } = await here.put(streamOf(randomBytes(10)));
  const usedAt = async (): Promise<number> => {
    const row = await open.db
      .selectFrom("artifact_contents")
      .select("used_at")
      .where("digest", "=", digest)
      .executeTakeFirstOrThrow();
    return row.used_at.getTime();
  };
  const first = await usedAt();
  await here.has(digest);
  expect(await usedAt()).toBe(first);
  await sql`update artifact_contents set used_at = now() - interval '61 minutes' where digest = ${digest}`.execute(
    open.db,
  );
  await here.has(digest);
  expect(await usedAt()).toBeGreaterThanOrEqual(first);
});
