import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { makeBed } from "../bed.ts";
import { POINTS } from "../points.ts";
import { lineOf } from "../report.ts";
import { runTrial, type TrialResult } from "../trial.ts";
import { CONTROLS, type Control, workerPatches } from "./controls.ts";
import { patched } from "./patches.ts";

/** A stranded deployment shows within the time of a takeover. */
const ENDS_WITHIN_MS = 45_000;

/** Takes each protection away and answers the exit code: 1 when a control shows nothing. */
export async function runControls(options: {
  only: readonly string[];
  say: (line: string) => void;
  signal: AbortSignal;
}): Promise<number> {
  const chosen = CONTROLS.filter(({ name }) => options.only.length === 0 || options.only.includes(name));
  if (chosen.length === 0)
    throw new Error(`The controls are ${CONTROLS.map(({ name }) => name).join(", ")}.`);
  let silent = 0;
  for (const control of chosen) {
    if (options.signal.aborted) break;
    const result = await runControl(control);
    const isSeen = showsIt(control, result);
    if (!isSeen) silent += 1;
    options.say(`${isSeen ? "seen  " : "SILENT"}  ${control.name}: ${control.shows.join(" or ")} expected`);
    options.say(lineOf(result));
  }
  options.say(`controls: ${chosen.length - silent} of ${chosen.length} protections are seen to be missing`);
  return silent === 0 ? 0 : 1;
}

/** Whether the harness saw what the missing protection lets through. */
export function showsIt(control: Control, result: TrialResult): boolean {
  return result.violations.some(({ rule }) => control.shows.includes(rule));
}

/** One trial on a bed of its own without the protection. */
export async function runControl(control: Control): Promise<TrialResult> {
  const point = POINTS.find(({ id }) => id === control.point);
  if (point === undefined) throw new Error(`there is no point ${control.point}`);
  const folder = mkdtempSync(path.join(tmpdir(), "slipway-control-"));
  try {
    const worker = workerPatches(control, folder);
    const bed = await makeBed({
      ...(control.server === undefined ? {} : { server: patched(folder, "server", control.server) }),
      ...(worker.length === 0 ? {} : { worker: patched(folder, "worker", worker) }),
    });
    try {
      return await runTrial(
        bed,
        {
          number: 0,
          point: control.needsVote === true ? { ...point, needsVote: true } : point,
          victim: control.victim,
          skipPreview: true,
        },
        {
          acknowledged: { deployments: [], projects: [] },
          canary: `canary-${randomUUID()}`,
          searchCanary: control.shows.includes("N11"),
          endsWithinMs: ENDS_WITHIN_MS,
        },
      );
    } finally {
      await bed.close();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
