import { randomBytes } from "node:crypto";
import { chmod, copyFile, mkdir, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { digestEntries, digestFolder, listFolder } from "../../../infra/providers/local/folder-digest.ts";
import { SlipwayError, systemCode } from "../errors.ts";

/** Bundles that nothing uses any more are kept for quick rollbacks, this many. */
const KEPT_UNUSED_BUNDLES = 10;

/** The keeper's own copies of deployed folders, one for each digest, so that nothing runs from a working tree. */
export interface BundleStore {
  /**
   * Takes a folder in, once for each digest, and returns the path of the copy. Throws SlipwayError `bundle_digest_mismatch`
   * when the bytes are not what the digest says, `bundle_missing` when there is neither a folder nor a copy.
   */
  ingest(bundle: { path: string; digest: string }): Promise<string>;
  pathOf(digest: string): string;
  /** The digest of the bytes that are there now; "missing" without a copy. */
  actualDigest(digest: string): Promise<string>;
  /** Removes copies that are not among `used`, but for the most recent ones. */
  collect(used: ReadonlySet<string>): Promise<void>;
}

/** A store in `folder`, which must exist. */
export function openBundleStore(folder: string): BundleStore {
  const pathOf = (digest: string) => join(folder, digest.replace("sha256:", ""));
  const inFlight = new Map<string, Promise<string>>();

  const actualDigest = async (digest: string): Promise<string> => {
    try {
      return await digestFolder(pathOf(digest));
    } catch (thrown) {
      if (systemCode(thrown) === "ENOENT") return "missing";
      throw thrown;
    }
  };

  const ingestOnce = async (bundle: { path: string; digest: string }): Promise<string> => {
    const target = pathOf(bundle.digest);
    const present = await actualDigest(bundle.digest);
    if (present === bundle.digest) {
      const now = new Date();
      await utimes(target, now, now);
      return target;
    }
    const incoming = join(folder, `incoming-${randomBytes(8).toString("hex")}`);
    try {
      await copyVerified(bundle, incoming);
      // An edited copy goes, so that a new deployment of the same digest repairs it.
      if (present !== "missing") await rm(target, { recursive: true });
      await rename(incoming, target);
    } finally {
      await rm(incoming, { recursive: true, force: true });
    }
    return target;
  };

  return {
    pathOf,
    actualDigest,
    async ingest(bundle) {
      const running = inFlight.get(bundle.digest);
      if (running !== undefined) return await running;
      const started = ingestOnce(bundle);
      inFlight.set(bundle.digest, started);
      try {
        return await started;
      } finally {
        inFlight.delete(bundle.digest);
      }
    },
    async collect(used) {
      const unused: { path: string; time: number }[] = [];
      for (const name of await readdir(folder)) {
        const digest = `sha256:${name}`;
        if (used.has(digest) || inFlight.size > 0) continue;
        const path = join(folder, name);
        unused.push({ path, time: (await stat(path)).mtimeMs });
      }
      unused.sort((a, b) => b.time - a.time);
      for (const { path } of unused.slice(KEPT_UNUSED_BUNDLES))
        await rm(path, { recursive: true, force: true });
    },
  };
}

async function copyVerified(bundle: { path: string; digest: string }, target: string): Promise<void> {
  try {
    for (const entry of await listFolder(bundle.path)) {
      const to = join(target, entry.path);
      await mkdir(dirname(to), { recursive: true, mode: 0o755 });
      await copyFile(join(bundle.path, entry.path), to);
      // A process must not change the bytes that it is running.
      await chmod(to, 0o444);
    }
  } catch (cause) {
    if (systemCode(cause) !== "ENOENT" && systemCode(cause) !== "ENOTDIR") {
      throw new SlipwayError("bundle_unreadable", `The bundle ${bundle.path} cannot be copied.`, { cause });
    }
    throw new SlipwayError("bundle_missing", `There is no bundle at ${bundle.path}.`, {
      cause,
      remedy: "Build it first.",
    });
  }
  // Of the copy, not the original: it is the copy that runs, and the original may change meanwhile.
  const actual = digestEntries(await listFolder(target).catch(() => []));
  if (actual !== bundle.digest) {
    throw new SlipwayError(
      "bundle_digest_mismatch",
      `The bundle ${bundle.path} has the digest ${actual}, not ${bundle.digest}.`,
      { remedy: "It was changed after it was built: build it again." },
    );
  }
}
