import { randomUUID } from "node:crypto";
import { constants, copyFile, link, mkdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { systemCode } from "../../errors.ts";

/**
 * Answers a path of the running Node that outlives the clone: one from a node_modules folder is linked or copied into the
 * cache, any other is taken as it is.
 */
export async function layNode(cacheRoot: string, nodePath: string): Promise<string> {
  if (!nodePath.split(sep).includes("node_modules")) return nodePath;
  const { version, platform, arch } = process;
  const target = join(cacheRoot, `node-${version}-${platform}-${arch}`, "bin", "node");
  const source = await stat(nodePath);
  const there = await stat(target).catch(() => undefined);
  if (there?.size === source.size) return target;
  await mkdir(dirname(target), { recursive: true });
  const aside = `${target}-${randomUUID()}`;
  try {
    try {
      await link(nodePath, aside);
    } catch (error) {
      // Another file system, or one without hard links, or a file of somebody else.
      if (!["EXDEV", "EPERM", "EACCES", "EMLINK", "ENOTSUP"].includes(systemCode(error) ?? "")) throw error;
      await copyFile(nodePath, aside, constants.COPYFILE_FICLONE);
    }
    await rename(aside, target);
  } finally {
    await rm(aside, { force: true });
  }
  return target;
}
