import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import { execa } from "execa";
import { messageOf, SlipwayError, systemCode } from "../errors.ts";

/** What goes into the built console; everything else may change without a build. */
const SOURCES = [
  "package-lock.json",
  "frontend/console/*.{html,json,ts}",
  "frontend/console/{src,public}/**/*",
  "automation/src/{contract,client}/**/*.ts",
];
const STAMP = ".slipway-sources";
const BUILD_TIMEOUT_MS = 300_000;

export type ConsoleBuild = "built" | "unchanged" | "absent";

/**
 * Builds the console into frontend/console/dist when its sources differ from those of the last build, told by their
 * content. Answers `absent` when this clone has no console. Throws SlipwayError `console_build_failed`.
 */
export async function buildConsole(
  root: string,
  nodePath: string,
  signal: AbortSignal,
): Promise<ConsoleBuild> {
  const folder = path.join(root, "frontend", "console");
  if (!existsSync(path.join(folder, "index.html"))) return "absent";
  const stampFile = path.join(folder, "dist", STAMP);
  const digest = digestOf(root);
  if (readStamp(stampFile) === digest) return "unchanged";
  const vite = path.join(root, "node_modules", "vite", "bin", "vite.js");
  try {
    await execa(nodePath, [vite, "build", "--outDir", "dist", "--emptyOutDir", "--logLevel", "warn"], {
      cwd: folder,
      stdin: "ignore",
      timeout: BUILD_TIMEOUT_MS,
      cancelSignal: signal,
      all: true,
    });
  } catch (cause) {
    throw new SlipwayError("console_build_failed", `The console could not be built: ${messageOf(cause)}`, {
      cause,
      remedy: `Run npx vite build in ${folder} to see the whole message.`,
    });
  }
  // Last, so that an interrupted build is done again.
  writeFileSync(stampFile, digest);
  return "built";
}

function digestOf(root: string): string {
  const hash = createHash("sha256");
  for (const file of globSync(SOURCES, { cwd: root }).sort()) {
    const full = path.join(root, file);
    if (!statSync(full).isFile()) continue;
    hash.update(`${file}\0`).update(readFileSync(full)).update("\0");
  }
  return hash.digest("hex");
}

function readStamp(file: string): string | undefined {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}
