import { chmod, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { SlipwayError, systemCode } from "../errors.ts";

/** By this line a hook is known as one that may be written anew. */
const MARK = "# Written by `slipway gates install-hook`; run that again to change it.";

/**
 * Writes a pre-commit hook that runs the gates of a folder, where git looks for hooks, and answers its path. Throws `usage` outside of a git repository, and `conflict` when somebody else's hook is
 * there.
 */
export async function installHook(folder: string, category: string | undefined): Promise<string> {
  const [hooks, prefix] = await Promise.all([
    git(folder, ["rev-parse", "--git-path", "hooks"]),
    git(folder, ["rev-parse", "--show-prefix"]),
  ]);
  const file = path.resolve(folder, hooks, "pre-commit");
  const existing = await readFile(file, "utf8").catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  });
  if (existing !== null && !existing.includes(MARK)) {
    throw new SlipwayError("conflict", `${file} is there already, and was not written by Slipway.`, {
      remedy: "Call `slipway gates run` from it, or move it away.",
    });
  }
  const fresh = `${file}.slipway`;
  await mkdir(path.dirname(file), { recursive: true });
  await writeFile(fresh, hookText(prefix, category));
  await chmod(fresh, 0o755);
  // Git never sees half of it.
  await rename(fresh, file);
  return file;
}

function hookText(prefix: string, category: string | undefined): string {
  const words = [
    "gates",
    "run",
    "--phase",
    "before",
    ...(category === undefined ? [] : ["--category", category]),
  ];
  const run = words.map(quote).join(" ");
  return `#!/bin/sh
${MARK}
set -e
cd "$(git rev-parse --show-toplevel)"/${quote(prefix === "" ? "." : prefix)}
if command -v slipway >/dev/null 2>&1; then exec slipway ${run}; fi
exec npx --no-install slipway ${run}
`;
}

/** For a POSIX shell. */
function quote(word: string): string {
  return /^[A-Za-z0-9._/-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

async function git(folder: string, argv: readonly string[]): Promise<string> {
  try {
    const { stdout } = await execa("git", argv, { cwd: folder, stdin: "ignore" });
    return stdout.trim();
  } catch (error) {
    throw new SlipwayError("usage", `${folder} is in no git repository.`, {
      cause: error,
      remedy: "Run this in the clone that the commits are made in.",
    });
  }
}
