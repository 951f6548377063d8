import { lstat } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { messageOf, SlipwayError } from "../errors.ts";

const GIT_TIMEOUT_MS = 20_000;
const MAX_OUTPUT_CHARACTERS = 50_000_000;
/** `fsmonitor` would run a program that the repository names. */
const SAFE = ["-c", "core.fsmonitor=false", "-c", "core.quotePath=false"];

const GIT_ENVIRONMENT = {
  GIT_OPTIONAL_LOCKS: "0",
  GIT_TERMINAL_PROMPT: "0",
  LC_ALL: "C",
  GIT_DIR: undefined,
  GIT_WORK_TREE: undefined,
  GIT_INDEX_FILE: undefined,
} as const;

/** One path that git knows of; `tracked` is false for one that is neither committed nor ignored. */
export interface GitPath {
  path: string;
  tracked: boolean;
}

/** True when the folder lies in a git work tree. */
export async function isInGit(folder: string): Promise<boolean> {
  for (let at = path.resolve(folder); ; at = path.dirname(at)) {
    if (
      await lstat(path.join(at, ".git")).then(
        () => true,
        () => false,
      )
    )
      return true;
    if (path.dirname(at) === at) return false;
  }
}

/** Tracked paths and those that are neither tracked nor ignored, below a folder, relative to it. A submodule or nested clone appears as one path. */
export async function listGitPaths(folder: string): Promise<GitPath[]> {
  const out = await git(folder, ["ls-files", "--cached", "--others", "--exclude-standard", "-t", "-z"]);
  const found = new Map<string, GitPath>();
  for (const record of out.split("\0")) {
    if (record === "") continue;
    const name = record.slice(2).replace(/\/$/, "");
    found.set(name, { path: name, tracked: !record.startsWith("? ") });
  }
  return [...found.values()];
}

/** Commit of the work tree (null before the first) and whether anything below the folder differs from it. */
export async function describeGit(folder: string): Promise<{ commit: string | null; dirty: boolean }> {
  const out = await git(folder, [
    "status",
    "--porcelain=v2",
    "--branch",
    "--untracked-files=normal",
    "-z",
    "--",
    ".",
  ]);
  const records = out.split("\0").filter((record) => record !== "");
  const commit = records
    .map((record) => /^# branch\.oid ([0-9a-f]{40,64})$/.exec(record)?.[1])
    .find((one) => one !== undefined);
  return { commit: commit ?? null, dirty: records.some((record) => !record.startsWith("# ")) };
}

/** Somebody whom git names as an author. */
export interface CommitAuthor {
  name: string;
  email: string;
}

/** More commits than this are not looked at: whoever brings so many at once is one of their authors, or asks for the deployment. */
const MOST_COMMITS = 1_000;

/**
 * Who wrote what a folder got since an earlier commit: authors, committers and co-authors. Of a history that does not lead from there, as after a change of branch, all that the earlier commit has not. Where
 * that is nothing, or the clone has no such commit, those of the last commit alone.
 */
export async function commitAuthors(
  folder: string,
  { commit, since }: { commit: string; since: string | null },
): Promise<CommitAuthor[]> {
  const format = "--format=%an <%ae>%n%cn <%ce>%n%(trailers:key=Co-authored-by,valueonly)";
  const log = (count: number, range: string): Promise<string> =>
    git(folder, ["log", `--max-count=${count}`, format, range, "--", "."]);
  const isKnown = since !== null && (await hasCommit(folder, since));
  const news = isKnown ? await log(MOST_COMMITS, `${since}..${commit}`) : "";
  const out = news.trim() === "" ? await log(1, commit) : news;
  const authors = new Map<string, CommitAuthor>();
  for (const line of out.split("\n")) {
    const [, name = "", email = ""] = /^(.*?)\s*<([^<>]*)>\s*$/.exec(line.trim()) ?? [];
    if (name !== "" || email !== "")
      authors.set(`${name} <${email}>`, { name: name.slice(0, 200), email: email.slice(0, 320) });
  }
  return [...authors.values()];
}

async function hasCommit(folder: string, commit: string): Promise<boolean> {
  // Its exit code is the answer.
  const { exitCode } = await execa("git", [...SAFE, "cat-file", "-e", `${commit}^{commit}`], {
    cwd: folder,
    timeout: GIT_TIMEOUT_MS,
    stdin: "ignore",
    reject: false,
    env: GIT_ENVIRONMENT,
  });
  return exitCode === 0;
}

/** Falling back to a plain walk would put ignored files, secrets among them, into the source: git's refusal is ours. */
async function git(folder: string, args: string[]): Promise<string> {
  try {
    const { stdout } = await execa("git", [...SAFE, ...args], {
      cwd: folder,
      timeout: GIT_TIMEOUT_MS,
      maxBuffer: MAX_OUTPUT_CHARACTERS,
      stdin: "ignore",
      stripFinalNewline: false,
      env: GIT_ENVIRONMENT,
    });
    return stdout;
  } catch (error) {
    const said =
      error instanceof Error && "stderr" in error && typeof error.stderr === "string"
        ? error.stderr.trim().split("\n")[0]
        : "";
    throw new SlipwayError("source_invalid", `git cannot list ${folder}: ${said || messageOf(error)}`, {
      cause: error,
      remedy:
        "Install git on the server, and let the server's user own the clone or add it to git's safe.directory.",
    });
  }
}
