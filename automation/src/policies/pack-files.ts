import { createHash } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { parse } from "yaml";
import { z } from "zod";
import { packFiles } from "../artifacts/archive.ts";
import type { ContentStore } from "../artifacts/content-store.ts";
import type { PublishPack } from "../contract/policies.ts";
import { MOST_PACK_BYTES } from "../contract/policies.ts";
import { messageOf, SlipwayError } from "../errors.ts";

const Runtime = z.looseObject({
  runtime: z.union([z.string(), z.looseObject({ name: z.string() }).transform(({ name }) => name)]),
});

/** A pack whose archive is stored. */
export interface StoredPack {
  digest: string;
  lockfileDigest: string;
  sizeBytes: number;
}

/** Stores the files of a pack as one archive, whose bytes equal files always give. Throws `policy_pack_invalid` for what could never run. */
export async function storePack(
  artifacts: ContentStore,
  dataDir: string,
  { files }: Pick<PublishPack, "files">,
): Promise<StoredPack> {
  const contents = new Map(files.map((file) => [file.path, Buffer.from(file.content, "base64")]));
  if (contents.size !== files.length) throw invalid("a file is there twice");
  for (const name of contents.keys()) {
    if (!isInside(name)) throw invalid(`'${name}' is not a path within the pack`);
  }
  const bytes = [...contents.values()].reduce((sum, content) => sum + content.length, 0);
  if (bytes > MOST_PACK_BYTES) throw invalid(`it has ${bytes} bytes, and ${MOST_PACK_BYTES} is the most`);
  const lockfile = checkRootFiles(contents);

  const folder = await mkdtemp(path.join(dataDir, "policy-pack-"));
  try {
    for (const [name, content] of contents) {
      await mkdir(path.dirname(path.join(folder, name)), { recursive: true, mode: 0o700 });
      await writeFile(path.join(folder, name), content, { mode: 0o600 });
    }
    const entries = files.map((file) => ({
      kind: "file" as const,
      path: file.path,
      executable: file.executable,
    }));
    const { digest, sizeBytes } = await artifacts.put(packFiles(folder, entries));
    return {
      digest,
      sizeBytes,
      lockfileDigest: `sha256:${createHash("sha256").update(lockfile).digest("hex")}`,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Answers the lockfile. What a pack needs is installed from it, so that a published version means the same tomorrow. */
function checkRootFiles(contents: ReadonlyMap<string, Buffer>): Buffer {
  const project = contents.get("PulumiPolicy.yaml");
  if (project === undefined) throw invalid("it has no PulumiPolicy.yaml");
  const lockfile = contents.get("package-lock.json");
  const runtime = runtimeOf(project.toString("utf8"));
  if (runtime !== "nodejs") {
    throw invalid(`its runtime is '${runtime}', and Slipway runs packs of nodejs`);
  }
  if (lockfile === undefined) throw invalid("it has no package-lock.json");
  if (!contents.has("package.json")) throw invalid("it has no package.json");
  return lockfile;
}

function runtimeOf(text: string): string {
  try {
    return Runtime.parse(parse(text)).runtime;
  } catch (error) {
    throw invalid(`its PulumiPolicy.yaml is not understood: ${messageOf(error)}`, error);
  }
}

function isInside(name: string): boolean {
  const parts = name.split("/");
  return (
    !path.posix.isAbsolute(name) &&
    path.posix.normalize(name) === name &&
    !parts.includes("..") &&
    !parts.includes("node_modules") &&
    !/[\0\n\\]/.test(name)
  );
}

function invalid(why: string, cause?: unknown): SlipwayError {
  return new SlipwayError("policy_pack_invalid", `The policy pack cannot be published: ${why}.`, {
    ...(cause === undefined ? {} : { cause }),
    remedy:
      "A pack is a folder with PulumiPolicy.yaml (runtime: nodejs), package.json and package-lock.json.",
  });
}
