import { statfsSync } from "node:fs";
import path from "node:path";
import type { StartConfig } from "../config.ts";
import { detectContainment } from "../engine/containment-level.ts";
import { messageOf } from "../errors.ts";
import { NEEDED_FREE_BYTES } from "../start/data-folder.ts";
import { checkPortFree } from "../start/port-holder.ts";
import { type DoctorCheck, fail, ok, warn } from "./check.ts";

const GB = 1024 ** 3;
/** Releases keep their dependencies and artifacts; below this the next deployments may not fit. */
const COMFORTABLE_FREE_BYTES = 5 * GB;
const PROBE_TIMEOUT_MS = 3_000;

export function checkDisk(dataDir: string): DoctorCheck {
  const { bavail, bsize, folder } = freeSpace(dataDir);
  const free = bavail * bsize;
  const detail = `${(free / GB).toFixed(1)} GB free at ${folder}`;
  const remedy = "Free space, or set SLIPWAY_DATA_DIR to a folder on another disk.";
  if (free < NEEDED_FREE_BYTES) return fail("disk", detail, remedy);
  return free < COMFORTABLE_FREE_BYTES ? warn("disk", detail, remedy) : ok("disk", detail);
}

/** Of the folder, or of the nearest one above it that exists. */
function freeSpace(folder: string): { bavail: number; bsize: number; folder: string } {
  try {
    const { bavail, bsize } = statfsSync(folder);
    return { bavail, bsize, folder };
  } catch (error) {
    const above = path.dirname(folder);
    if (above === folder) throw error;
    return freeSpace(above);
  }
}

/** The port is either free, or Slipway itself answers there. */
export async function checkPort({ host, port }: Pick<StartConfig, "host" | "port">): Promise<DoctorCheck> {
  const name = `port ${port}`;
  try {
    await checkPortFree(host, port);
    return ok(name, `free on ${host}`);
  } catch (error) {
    const readiness = await slipwayAnswers(host, port);
    if (readiness === 200) return ok(name, `Slipway answers on ${host}`);
    if (readiness === 503) {
      return warn(
        name,
        `Slipway answers on ${host}, but is not ready`,
        "The logs in the data folder say what it waits for.",
      );
    }
    return fail(name, messageOf(error), "Stop that program, or set SLIPWAY_PORT to another port.");
  }
}

async function slipwayAnswers(host: string, port: number): Promise<number | undefined> {
  try {
    const response = await fetch(`http://${host}:${port}/readyz`, {
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    await response.body?.cancel();
    return response.status;
  } catch {
    // Whatever listens there does not speak HTTP, or not within the time.
    return undefined;
  }
}

/** How surely everything that a deployment started ends with it. */
export async function checkContainment(): Promise<DoctorCheck> {
  const host = await detectContainment();
  const why = host.whyNotBetter.map(({ how, reason }) => `${how}: ${reason}`).join("; ");
  const detail = `${host.level} by ${host.how}${why === "" ? "" : ` (${why})`}`;
  if (host.level !== "weak") return ok("containment", detail);
  return warn("containment", detail, "Install bubblewrap, or run on Linux with PID namespaces allowed.");
}
