import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { digestFolder } from "../../../infra/providers/local/folder-digest.ts";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import type { OpenDatabase } from "../database.ts";
import { openDatabase } from "../database.ts";
import type { ContentStore } from "./content-store.ts";
import { openContentStore } from "./content-store.ts";
import { storeServiceFolder, unpackedServiceFolder } from "./service-folder.ts";

let home: string;
let folder: string;
let artifacts: ContentStore;
let database: TestDatabase;
let open: OpenDatabase;
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
  open = openDatabase(database.url, { applicationName: "slipway-test" });
});
afterAll(async () => {
  await open.close();
  await database.drop();
});
beforeEach(async () => {
  home = mkdtempSync(path.join(tmpdir(), "slipway-artifacts-"));
  folder = path.join(home, "dist");
  mkdirSync(path.join(folder, "assets"), { recursive: true });
  writeFileSync(path.join(folder, "run.sh"), "#!/bin/sh\n", { mode: 0o755 });
  writeFileSync(path.join(folder, "assets", "ä.txt"), "text");
  artifacts = await openContentStore(path.join(home, "data"), open.db);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

test("a folder comes out as it went in, read-only, under the digest that the local target computes", async () => {
  const stored = await storeServiceFolder(artifacts, folder);
  expect(stored).toEqual({ digest: await digestFolder(folder), sizeBytes: 14 });
  rmSync(folder, { recursive: true });
  const out = await unpackedServiceFolder(artifacts, stored.digest);
  expect(await digestFolder(out)).toBe(stored.digest);
  expect(readFileSync(path.join(out, "assets", "ä.txt"), "utf8")).toBe("text");
  expect(statSync(path.join(out, "run.sh")).mode & 0o777).toBe(0o555);
  const [again, other] = await Promise.all([1, 2].map(() => unpackedServiceFolder(artifacts, stored.digest)));
  expect([again, other]).toEqual([out, out]);
});

test("links, an empty folder and a missing one are refused", async () => {
  symlinkSync("run.sh", path.join(folder, "link"));
  await expect(storeServiceFolder(artifacts, folder)).rejects.toMatchObject({ code: "artifact_invalid" });
  mkdirSync(path.join(home, "empty"));
  await expect(storeServiceFolder(artifacts, path.join(home, "empty"))).rejects.toMatchObject({
    code: "artifact_invalid",
  });
  await expect(storeServiceFolder(artifacts, path.join(home, "none"))).rejects.toMatchObject({
    code: "artifact_invalid",
  });
});

test("stored bytes that were changed are never handed out, whatever their own digest says", async () => {
  writeFileSync(path.join(folder, "assets", "ä.txt"), "good");
  const { digest } = await storeServiceFolder(artifacts, folder);
  await sql`
    with evil as (
      update artifact_chunks set body = overlay(body placing 'evil'::bytea from position('good'::bytea in body)) where digest = ${digest} returning body
    ) update artifact_contents set content_sha256 = 'sha256:' || encode(sha256(evil.body), 'hex') from evil where digest = ${digest}`.execute(
    open.db,
  );
  await expect(unpackedServiceFolder(artifacts, digest)).rejects.toMatchObject({ code: "artifact_damaged" });
  await expect(unpackedServiceFolder(artifacts, `sha256:${"0".repeat(64)}`)).rejects.toMatchObject({
    code: "artifact_missing",
  });
});
