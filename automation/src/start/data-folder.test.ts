import { execFileSync } from "node:child_process";
import { readdirSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../../../test/helpers/folders.ts";
import { needs } from "../../../test/helpers/machine.ts";
import { openDataFolder } from "./data-folder.ts";

/** Mounts need root or a user namespace of one's own. */
function inMountNamespace(mount: string, folder: string): string {
  const module = new URL("./data-folder.ts", import.meta.url).href;
  const code = `import { openDataFolder } from ${JSON.stringify(module)};
    try { openDataFolder(process.argv[1]).release(); console.log("opened"); }
    catch (error) { console.log(error.code + ": " + error.message); }`;
  const script = `${mount} && exec "$0" --input-type=module -e "$1" "$2/data"`;
  const user = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  const argv = [...user, "--mount", "sh", "-c", script, process.execPath, code, folder];
  return execFileSync("unshare", argv, { encoding: "utf8" }).trim();
}

test("the folder is made, locked, and free again after its release", () => {
  const dir = path.join(temporaryFolder("data"), "a", "b");
  const data = openDataFolder(dir);
  expect(() => openDataFolder(dir)).toThrow(`Slipway is already running on ${dir} (process ${process.pid}).`);
  data.release();
  openDataFolder(dir).release();
  expect(readdirSync(dir)).toEqual([]);
  // Nobody else can list it; as root they must be able to pass.
  expect(statSync(dir).mode & 0o066).toBe(0);
});

test("a file in its place is one sentence", () => {
  const dir = path.join(temporaryFolder("data"), "data");
  writeFileSync(dir, "");
  expect(() => openDataFolder(dir)).toThrow(`The data folder ${dir} is a file, not a folder.`);
  expect(() => openDataFolder(path.join(dir, "below"))).toThrow(/is a file, not a folder/);
});

test("a read-only folder is one sentence", (context) => {
  needs(context, "linux");
  const folder = temporaryFolder("data");
  const said = inMountNamespace(
    'mkdir "$2/data" && mount --bind "$2/data" "$2/data" && mount -o remount,ro,bind "$2/data"',
    folder,
  );
  expect(said).toBe(`data_dir_read_only: The data folder ${folder}/data is read-only.`);
});

test("a full disk is one sentence", (context) => {
  needs(context, "linux");
  const folder = temporaryFolder("data");
  const full =
    'mkdir "$2/data" && mount -t tmpfs -o size=1m none "$2/data" && (dd if=/dev/zero of="$2/data/fill" 2>/dev/null; true)';
  expect(inMountNamespace(full, folder)).toBe(`disk_full: The disk that holds ${folder}/data is full.`);
});

test("a disk that is nearly full is refused before anything is started", (context) => {
  needs(context, "linux");
  const folder = temporaryFolder("data");
  expect(inMountNamespace('mkdir "$2/data" && mount -t tmpfs -o size=2m none "$2/data"', folder)).toBe(
    `disk_full: The disk that holds ${folder}/data is full: 2 MB free, 256 MB needed.`,
  );
});
