import { readdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { z } from "zod";
import { MOST_PACK_FILES, PublishPack } from "../contract/policies.ts";
import { systemCode } from "../errors.ts";
import { usageError } from "./failure.ts";

/** Never part of a pack: its lockfile says what is installed. */
const LEFT_OUT = new Set(["node_modules", ".git"]);
const Manifest = z.looseObject({
  name: z.string().optional(),
  version: z.string().optional(),
  description: z.string().optional(),
});

/** Reads a policy pack from a folder, as it is published. Throws a usage error that names what is missing. */
export async function readPackFolder(
  folder: string,
  given: { name: string | undefined; version: string | undefined },
): Promise<PublishPack> {
  const names = await filesBelow(folder, "");
  if (!names.includes("PulumiPolicy.yaml") || !names.includes("package.json")) {
    throw usageError(
      `${folder} is no policy pack.`,
      "A pack is a folder with PulumiPolicy.yaml, package.json and package-lock.json.",
    );
  }
  const manifest = Manifest.parse(JSON.parse(await readFile(path.join(folder, "package.json"), "utf8")));
  const body = PublishPack.safeParse({
    // A scope is not part of a pack's name here.
    name: given.name ?? manifest.name?.split("/").at(-1),
    version: given.version ?? manifest.version,
    ...(manifest.description === undefined ? {} : { description: manifest.description }),
    files: await Promise.all(names.map((name) => fileOf(folder, name))),
  });
  if (body.success) return body.data;
  const issue = body.error.issues[0];
  throw usageError(
    `${issue?.path.join(".") ?? "the pack"}: ${issue?.message ?? "is not valid"}`,
    "Give --name and --pack-version, or set them in package.json.",
  );
}

async function fileOf(folder: string, name: string): Promise<PublishPack["files"][number]> {
  const file = path.join(folder, name);
  const [content, { mode }] = await Promise.all([readFile(file), stat(file)]);
  return { path: name, content: content.toString("base64"), executable: (mode & 0o100) !== 0 };
}

async function filesBelow(folder: string, below: string): Promise<string[]> {
  const found: string[] = [];
  for (const entry of await entriesOf(path.join(folder, below))) {
    if (LEFT_OUT.has(entry.name)) continue;
    const name = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) found.push(...(await filesBelow(folder, name)));
    else if (entry.isFile()) found.push(name);
    if (found.length > MOST_PACK_FILES)
      throw usageError(`${folder} has more than ${MOST_PACK_FILES} files.`, "Publish the pack alone.");
  }
  return found.sort();
}

async function entriesOf(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (error) {
    if (systemCode(error) !== "ENOENT" && systemCode(error) !== "ENOTDIR") throw error;
    throw usageError(`${folder} is no folder.`, "Name the folder of a policy pack.");
  }
}
