import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import type { ContentStore } from "../artifacts/content-store.ts";
import { openContentStore } from "../artifacts/content-store.ts";
import type { OpenDatabase } from "../database.ts";
import { openDatabase } from "../database.ts";
import { extractSource } from "./extract.ts";
import { committedConfig } from "./project-files.ts";
import { snapshotSource } from "./snapshot.ts";

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
  home = realpathSync(mkdtempSync(path.join(tmpdir(), "slipway-source-")));
  folder = path.join(home, "project");
  mkdirSync(folder);
  write(
    "Pulumi.yaml",
    "name: desk\nruntime: { name: nodejs }\nmain: infra\nconfig:\n  desk:port: { type: integer }\n  flags: { default: x }\n",
  );
  artifacts = await openContentStore(path.join(home, "data"), open.db);
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function write(name: string, text: string): void {
  mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
  writeFileSync(path.join(folder, name), text);
}
const git = (...args: string[]): string =>
  execFileSync("git", ["-c", "user.name=t", "-c", "user.email=t@t", "-C", folder, ...args], {
    encoding: "utf8",
  }).trim();
const snapshot = (): ReturnType<typeof snapshotSource> =>
  snapshotSource({ folder, allowedRoots: [home], artifacts });

test("equal files give equal digests whatever their times, and any change gives another", async () => {
  write("infra/index.ts", "export const a = 1;\n");
  const first = await snapshot();
  expect(first).toMatchObject({ commit: null, dirty: false, lockfileDigest: null });
  expect(first.pulumiProject).toEqual({
    name: "desk",
    main: "infra",
    runtime: "nodejs",
    hasOwnProvider: false,
    config: {
      "desk:port": { type: "integer", secret: false, hasDefault: false },
      "desk:flags": { type: null, secret: false, hasDefault: true },
    },
  });
  utimesSync(path.join(folder, "infra/index.ts"), 1, 1);
  expect((await snapshot()).digest).toBe(first.digest);
  chmodSync(path.join(folder, "infra/index.ts"), 0o755);
  const executable = await snapshot();
  expect(executable.digest).not.toBe(first.digest);
  write("infra/index.ts", "export const a = 2;\n");
  expect((await snapshot()).digest).not.toBe(executable.digest);
});

test("in git it takes what is tracked or not ignored, and says commit and whether anything differs", async () => {
  git("init", "-q");
  write(".gitignore", ".env\n");
  write(".env", "SECRET=1\n");
  write("kept.txt", "kept\n");
  write("gone.txt", "gone\n");
  write("node_modules/x/index.js", "x");
  git("add", ".gitignore", "kept.txt", "gone.txt", "Pulumi.yaml");
  git("commit", "-q", "-m", "first");
  rmSync(path.join(folder, "gone.txt"));
  write("new.txt", "new\n");
  const taken = await snapshot();
  expect(taken).toMatchObject({ commit: git("rev-parse", "HEAD"), dirty: true });
  const out = path.join(home, "out");
  const files = await extractSource(artifacts, taken.digest, out);
  expect(files.pulumiProject.name).toBe("desk");
  expect(readFileSync(path.join(out, "new.txt"), "utf8")).toBe("new\n");
  for (const absent of [".env", "gone.txt", ".git", "node_modules"])
    expect(existsSync(path.join(out, absent)), absent).toBe(false);
  rmSync(path.join(folder, "new.txt"));
  rmSync(path.join(folder, "node_modules"), { recursive: true });
  git("add", "-A");
  git("commit", "-q", "-m", "second");
  expect(await snapshot()).toMatchObject({ commit: git("rev-parse", "HEAD"), dirty: false });
});

test("links inside are kept as links; a link that leads out is refused, directly or through another link", async () => {
  write("real/file.txt", "text\n");
  symlinkSync("real/file.txt", path.join(folder, "inside"));
  const { digest } = await snapshot();
  await extractSource(artifacts, digest, path.join(home, "out"));
  expect(readFileSync(path.join(home, "out", "inside"), "utf8")).toBe("text\n");
  writeFileSync(path.join(home, "secret.txt"), "secret\n");
  symlinkSync("../secret.txt", path.join(folder, "out"));
  await expect(snapshot()).rejects.toMatchObject({
    code: "source_invalid",
    message: expect.stringContaining("out is a link that leads out"),
  });
});

test("a folder outside the roots, through a link, missing or relative is refused before anything is read", async () => {
  const outside = mkdtempSync(path.join(tmpdir(), "slipway-outside-"));
  try {
    writeFileSync(path.join(outside, "Pulumi.yaml"), "name: x\nruntime: nodejs\n");
    symlinkSync(outside, path.join(home, "link"));
    for (const wrong of [
      outside,
      path.join(home, "link"),
      path.join(home, "none"),
      "project",
      path.join(folder, "Pulumi.yaml"),
      `${folder}\0`,
    ]) {
      await expect(
        snapshotSource({ folder: wrong, allowedRoots: [home], artifacts }),
        wrong,
      ).rejects.toMatchObject({ code: "folder_not_allowed" });
    }
    const sibling = `${home}-more`;
    await expect(snapshotSource({ folder: sibling, allowedRoots: [home], artifacts })).rejects.toMatchObject({
      code: "folder_not_allowed",
    });
  } finally {
    rmSync(outside, { recursive: true });
  }
});

test("a source without Pulumi.yaml, with a broken one, or too large names what is wrong", async () => {
  write("Pulumi.yaml", "name: desk\nruntime: [\n");
  await expect(snapshot()).rejects.toMatchObject({
    code: "source_invalid",
    message: expect.stringMatching(/^Pulumi\.yaml:\d: /),
  });
  rmSync(path.join(folder, "Pulumi.yaml"));
  await expect(snapshot()).rejects.toMatchObject({
    code: "source_invalid",
    message: expect.stringContaining("holds no Pulumi.yaml"),
  });
  write("Pulumi.yaml", "name: desk\nruntime: nodejs\n");
  write("video.bin", "");
  truncateSync(path.join(folder, "video.bin"), 300_000_000);
  await expect(snapshot()).rejects.toMatchObject({
    code: "source_invalid",
    message: expect.stringContaining("video.bin (300 MB)"),
  });
});

test("config of a stack's file is read; a file for another key is refused with the remedy", async () => {
  write("Pulumi.dev.yaml", "config:\n  port: 7430\n  other:flags: { a: true }\n");
  write(
    "Pulumi.prod.yaml",
    "config:\n  password: { secure: AAAB }\n  db: { user: me, password: { secure: AAAC } }\n",
  );
  write("Pulumi.salted.yaml", "encryptionsalt: v1:abc:def\nconfig: {}\n");
  write("Pulumi.cloud.yaml", "secretsprovider: awskms://alias/mine\nencryptedkey: abc\n");
  write("Pulumi.plain.yaml", "secretsprovider: default\n");
  const taken = await snapshot();
  expect(committedConfig(taken, "dev")).toMatchObject({
    values: { "desk:port": "7430", "other:flags": '{"a":true}' },
    encrypted: {},
  });
  const none = { values: {}, encrypted: {} };
  expect(committedConfig(taken, "none")).toEqual(none);
  expect(committedConfig(taken, "plain")).toMatchObject(none);
  expect(committedConfig(taken, "prod")).toMatchObject({
    values: {},
    encrypted: {
      "desk:password": { secure: "AAAB" },
      "desk:db": { user: "me", password: { secure: "AAAC" } },
    },
  });
  for (const [stack, key] of [
    ["salted", "encryptionsalt: a passphrase"],
    ["cloud", "secretsprovider: awskms://alias/mine"],
  ] as const) {
    expect(() => committedConfig(taken, stack)).toThrow(
      expect.objectContaining({
        code: "source_invalid",
        message: expect.stringContaining(key),
        remedy: expect.stringContaining(`change-secrets-provider default --stack ${stack}`),
      }),
    );
  }
});

test("stored bytes that were changed are not taken", async () => {
  const { digest } = await snapshot();
  expect(statSync(artifacts.pathOf(digest)).mode & 0o222).toBe(0);
  // Its own digest beside it would not save it: a source's digest is that of its bytes.
  await sql`
    with changed as (
      update artifact_chunks set body = set_byte(body, 600, get_byte(body, 600) # 1) where digest = ${digest} returning body
    ) update artifact_contents set content_sha256 = 'sha256:' || encode(sha256(changed.body), 'hex') from changed where digest = ${digest}`.execute(
    open.db,
  );
  await expect(extractSource(artifacts, digest, path.join(home, "out"))).rejects.toMatchObject({
    code: "artifact_damaged",
  });
  await expect(
    extractSource(artifacts, `sha256:${"0".repeat(64)}`, path.join(home, "out2")),
  ).rejects.toMatchObject({ code: "artifact_missing" });
});
