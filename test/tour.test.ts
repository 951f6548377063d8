import { execFileSync, spawn } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import path from "node:path";
import { inject, test } from "vitest";
import { freshClone } from "./helpers/fresh-clone.ts";
import { startSlipwayIn, withoutPackagedNode } from "./helpers/running.ts";
import { missingLines, type TourBlock, tourBlocks } from "./helpers/tour.ts";
import { IS_TRIAL } from "./helpers/trial.ts";

const TOUR_TIMEOUT_MS = 1_200_000;
const BLOCK_TIMEOUT_MS = 300_000;
/** Take minutes, and what they show is looked at by tests of pauses, takeovers, cancels and backups, and of approvals, gates, promotions and drift. */
const CHAPTERS_OF_THE_TRIALS = ["When something dies", "Changes people can trust"];
/** The README names this port, so the tour takes it. */
const PORT = 7420;

test(
  "the README's tour works word for word on a fresh clone",
  async () => {
    const fresh = await freshClone();
    const root = path.join(inject("runFolder"), "tour");
    // A copy, since the tour edits files that other tests of the fresh clone look at.
    execFileSync("cp", ["-a", "--reflink=auto", fresh.root, root]);
    // The data folder belongs to the other folder: it names that one as the project.
    rmSync(path.join(root, ".slipway"), { recursive: true, force: true });
    const slipway = await startSlipwayIn(root, { dataDir: path.join(root, ".slipway"), port: PORT });
    try {
      const all = tourBlocks(readFileSync(path.join(root, "README.md"), "utf8"));
      if (all.length < 20)
        throw new Error(`The README's tour has ${all.length} blocks, expected at least 20.`);
      const blocks = all.filter(({ chapter }) => IS_TRIAL || !CHAPTERS_OF_THE_TRIALS.includes(chapter));
      const began = performance.now();
      for (const block of blocks) {
        const started = performance.now();
        await runBlock(block, root);
        console.log(`tour: ${seconds(started)} s  ${block.commands.split("\n").join("; ")}`);
      }
      console.log(`tour: ${seconds(began)} s in all`);
    } finally {
      await slipway.interrupt();
    }
  },
  TOUR_TIMEOUT_MS,
);

function seconds(since: number): string {
  return ((performance.now() - since) / 1000).toFixed(1);
}

/** Runs a block as a person would paste it, and holds its output against what the README promises. */
async function runBlock(block: TourBlock, cwd: string): Promise<void> {
  const shell = spawn("bash", ["-e", "-o", "pipefail", "-c", block.commands], {
    cwd,
    env: withoutPackagedNode(process.env),
    stdio: ["ignore", "pipe", "pipe"],
    timeout: BLOCK_TIMEOUT_MS,
  });
  let output = "";
  for (const stream of [shell.stdout, shell.stderr]) {
    stream.on("data", (data) => {
      output += String(data);
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    shell.once("error", reject);
    shell.once("close", resolve);
  });
  const missing = missingLines(block.expected, output);
  if (code !== block.exitCode || missing.length > 0) {
    throw new Error(
      `${block.commands}\nended with ${code} (promised ${block.exitCode}); not printed: ${JSON.stringify(missing)}\n${output}`,
    );
  }
}
