import path from "node:path";
import { execa } from "execa";
import { messageOf, SlipwayError } from "../errors.ts";

const GIT_LIMIT_MS = 60_000;

/**
 * Commits these files, and nothing else that the repository has changed or staged. Answers the commit, null when none of them differs. Throws SlipwayError `commit_failed` with git's own
 * word.
 */
export async function commitFiles(
  files: readonly string[],
  message: string,
  signal: AbortSignal,
): Promise<string | null> {
  const [first] = files;
  if (first === undefined) return null;
  const git = async (...args: string[]): Promise<string> => {
    const { stdout } = await execa("git", args, {
      cwd: path.dirname(first),
      timeout: GIT_LIMIT_MS,
      cancelSignal: signal,
      // A question would wait for ever; an unusual locale would change what is read.
      env: { GIT_TERMINAL_PROMPT: "0", LC_ALL: "C" },
      stdin: "ignore",
    });
    return stdout.trim();
  };
  try {
    await git("add", "--", ...files);
    if ((await git("status", "--porcelain", "--", ...files)) === "") return null;
    await git("commit", "--quiet", "--message", message, "--only", "--", ...files);
    return await git("rev-parse", "HEAD");
  } catch (thrown) {
    signal.throwIfAborted();
    throw new SlipwayError("commit_failed", `git could not commit the documents: ${messageOf(thrown)}`, {
      cause: thrown,
      remedy: "The files are written. Commit them by hand, or write them into a folder of a git repository.",
    });
  }
}
