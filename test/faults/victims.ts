import type { Bed, Program } from "./bed.ts";
import type { Seen } from "./processes.ts";
import { killAtOnce, processTable, signalTo, treeOf } from "./processes.ts";

/**
 * What a trial kills. `host`: everything at once. `frozen-worker`: stopped until all others have gone on, what it had under way stops with it; `stalled-worker`: the same, but its engine
 * goes on.
 */
export const VICTIMS = [
  "server",
  "worker",
  "guardian",
  "runner",
  "pulumi",
  "language-host",
  "provider",
  "postgres",
  "host",
  "frozen-worker",
  "stalled-worker",
] as const;
export type Victim = (typeof VICTIMS)[number];

/** The worker that has claimed a deployment; the first one while none has. */
export async function workerOf(bed: Bed, deploymentId: string | null): Promise<Program> {
  const rows =
    deploymentId === null
      ? []
      : await bed.rows<{ worker: string }>(
          "select worker_id as worker from attempts where deployment_id = $1 order by number desc limit 1",
          [deploymentId],
        );
  const found = bed.workers.find(({ workerId }) => workerId === rows[0]?.worker) ?? bed.workers[0];
  if (found === undefined) throw new Error("the bed has no worker");
  return found;
}

/** Lets a stopped worker go on. */
export function thaw(bed: Bed): void {
  for (const { pid } of bed.workers) if (pid !== undefined) signalTo(pid, "SIGCONT");
}

/** Kills it with -9. Answers false when it does not run at this moment. */
export async function kill(bed: Bed, victim: Victim, deploymentId: string | null): Promise<boolean> {
  if (victim === "postgres") {
    bed.killPostgres();
    return true;
  }
  if (victim === "host") {
    bed.killAll();
    return true;
  }
  if (victim === "frozen-worker" || victim === "stalled-worker") {
    const { pid } = await workerOf(bed, deploymentId);
    return pid !== undefined && signalTo(pid, "SIGSTOP");
  }
  if (victim === "server" || victim === "worker") {
    const one = victim === "server" ? bed.server : await workerOf(bed, deploymentId);
    if (one.pid === undefined) return false;
    await one.stop("SIGKILL");
    return true;
  }
  const pids = await pidsInAttempt(bed, victim, deploymentId);
  killAtOnce(pids);
  return pids.length > 0;
}

/** Processes of the live attempt of a deployment. */
async function pidsInAttempt(
  bed: Bed,
  what: "guardian" | "runner" | "pulumi" | "language-host" | "provider",
  deploymentId: string | null,
): Promise<number[]> {
  const [attempt] = await bed.rows<{ id: string }>(
    "select id from attempts where deployment_id = $1 order by number desc limit 1",
    [deploymentId],
  );
  if (attempt === undefined) return [];
  const table = processTable();
  const guardian = table.find(({ command }) => command.includes("guardian") && command.includes(attempt.id));
  if (guardian === undefined) return [];
  if (what === "guardian") return [guardian.pid];
  return treeOf(guardian.pid, table)
    .filter((one) => IS[what](one))
    .map(({ pid }) => pid);
}

const IS: Record<"runner" | "pulumi" | "language-host" | "provider", (one: Seen) => boolean> = {
  runner: ({ name, command }) => command.includes("/runner.ts") && name !== "bwrap",
  pulumi: ({ name }) => name === "pulumi",
  "language-host": ({ command }) =>
    command.includes("language-host") || command.includes("pulumi-language-nodejs"),
  provider: ({ command }) => command.includes("faults/provider"),
};
