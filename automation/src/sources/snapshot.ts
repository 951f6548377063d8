import { createHash } from "node:crypto";
import { realpath, stat } from "node:fs/promises";
import path from "node:path";
import { packFiles } from "../artifacts/archive.ts";
import type { ContentStore } from "../artifacts/content-store.ts";
import { comparePathBytes, digestOfFile } from "../artifacts/folder-digest.ts";
import { SlipwayError, systemCode } from "../errors.ts";
import { describeGit, isInGit } from "./git.ts";
import type { SourceFile } from "./list-files.ts";
import { listSourceFiles, lookAgain } from "./list-files.ts";
import type { ProjectFiles } from "./project-files.ts";
import { readProjectFiles } from "./project-files.ts";

const MAX_SOURCE_BYTES = 200 * 1024 * 1024;
const MAX_SOURCE_FILES = 50_000;
const LOCKFILE = "package-lock.json";
/** A file changed this shortly before the look may change again without a new time stamp. */
const RACY_MS = 1_000;
const MAX_REMEMBERED = 100;

/** The source of a deployment: an archive in the artifact store, and what its root files say. */
export interface SourceSnapshot extends ProjectFiles {
  /** Of the archive's bytes. */
  digest: string;
  sizeBytes: number;
  /** Of package-lock.json in the root; null when there is none. */
  lockfileDigest: string | null;
  /** Commit at the time; null outside git. */
  commit: string | null;
  /** Whether the archive differs from the commit. */
  dirty: boolean;
}

/** Where the archive goes and which folders may be read. */
export interface SnapshotRequest {
  folder: string;
  /** Absolute folders; `folder` must lie in one of them after its links are resolved. */
  allowedRoots: readonly string[];
  artifacts: ContentStore;
  /** Throws when nothing can be done with such files; then nothing is stored. */
  accept?: (files: ProjectFiles) => Promise<void>;
}

interface Remembered {
  fingerprint: string;
  digest: string;
  sizeBytes: number;
  lockfileDigest: string | null;
}
/** Archives of folders that have not been touched since; forgetting one costs only time. */
const remembered = new Map<string, Remembered>();

/**
 * Puts the source in a folder into the artifact store. The folder is only read. Throws `folder_not_allowed`, `source_invalid` and `slipway_yaml_invalid`;
 * nothing is stored then but perhaps an archive that nobody refers to.
 */
export async function snapshotSource({
  folder,
  allowedRoots,
  artifacts,
  accept,
}: SnapshotRequest): Promise<SourceSnapshot> {
  const real = await resolveAllowed(folder, allowedRoots);
  const startedAt = Date.now();
  const inGit = await isInGit(real);
  const [files, described, sources] = await Promise.all([
    readProjectFiles(real),
    inGit ? describeGit(real) : { commit: null, dirty: false },
    listSourceFiles(real, inGit),
  ]);
  refuseTooLarge(sources);
  await accept?.(files);
  const fingerprint = fingerprintOf(sources);
  const key = `${artifacts.root}\0${real}`;
  const known = remembered.get(key);
  if (known?.fingerprint === fingerprint && (await artifacts.has(known.digest))) {
    return {
      ...files,
      ...described,
      digest: known.digest,
      sizeBytes: known.sizeBytes,
      lockfileDigest: known.lockfileDigest,
    };
  }
  const stored = await artifacts.put(packFiles(real, sources.map(asEntry)));
  const lockfile = sources.some((source) => source.path === LOCKFILE && source.target === null)
    ? `sha256:${(await digestOfFile(path.join(real, LOCKFILE))).sha256}`
    : null;
  // What was packed is only known to be what was listed when nothing moved in between.
  if (fingerprintOf(await lookAgain(real, sources)) !== fingerprint) {
    throw new SlipwayError("source_invalid", `${folder} changed while it was read`, {
      remedy: "Request the deployment again.",
    });
  }
  if (sources.every((source) => startedAt - Number(source.stat.mtimeMs) > RACY_MS)) {
    if (remembered.size >= MAX_REMEMBERED) remembered.clear();
    remembered.set(key, { fingerprint, ...stored, lockfileDigest: lockfile });
  }
  return { ...files, ...described, ...stored, lockfileDigest: lockfile };
}

/** The folder without links in its path. Throws `folder_not_allowed` when it is missing, no folder, or outside of every allowed root. */
export async function resolveAllowed(folder: string, allowedRoots: readonly string[]): Promise<string> {
  if (!path.isAbsolute(folder) || folder.includes("\0")) throw notAllowed(folder, "is not an absolute path");
  let real: string;
  try {
    real = await realpath(folder);
    if (!(await stat(real)).isDirectory()) throw notAllowed(folder, "is not a folder");
  } catch (error) {
    if (error instanceof SlipwayError) throw error;
    throw notAllowed(folder, systemCode(error) === "ENOENT" ? "does not exist" : "cannot be read", error);
  }
  for (const root of allowedRoots) {
    const allowed = await realpath(root).catch(() => null);
    if (allowed !== null && (real === allowed || real.startsWith(allowed === "/" ? "/" : allowed + path.sep)))
      return real;
  }
  throw notAllowed(folder, "is outside the folders that this server may read");
}

function notAllowed(folder: string, what: string, cause?: unknown): SlipwayError {
  return new SlipwayError("folder_not_allowed", `${folder} ${what}`, {
    cause,
    remedy: "Name a folder below one of the server's allowed roots.",
  });
}

function refuseTooLarge(sources: readonly SourceFile[]): void {
  const bytes = sources.reduce((sum, source) => sum + Number(source.stat.size), 0);
  if (bytes <= MAX_SOURCE_BYTES && sources.length <= MAX_SOURCE_FILES) return;
  const largest = [...sources].sort((a, b) => Number(b.stat.size - a.stat.size)).slice(0, 3);
  const shown = largest
    .map((source) => `${source.path} (${Math.ceil(Number(source.stat.size) / 1_000_000)} MB)`)
    .join(", ");
  throw new SlipwayError(
    "source_invalid",
    `the source has ${sources.length} files and ${Math.ceil(bytes / 1_000_000)} MB; the limit is ${MAX_SOURCE_FILES} files and ${Math.floor(MAX_SOURCE_BYTES / 1_000_000)} MB. Largest: ${shown}`,
    { remedy: "Add what does not belong to the source to .gitignore." },
  );
}

function fingerprintOf(sources: readonly SourceFile[]): string {
  const hash = createHash("sha256");
  for (const { path: name, stat: s, target } of [...sources].sort((a, b) =>
    comparePathBytes(a.path, b.path),
  )) {
    hash.update(`${name}\0${target ?? ""}\0${s.size} ${s.mtimeNs} ${s.ctimeNs} ${s.ino} ${s.mode}\n`);
  }
  return hash.digest("hex");
}

function asEntry(source: SourceFile): Parameters<typeof packFiles>[1][number] {
  if (source.target !== null) return { kind: "symlink", path: source.path, target: source.target };
  return { kind: "file", path: source.path, executable: (Number(source.stat.mode) & 0o100) !== 0 };
}
