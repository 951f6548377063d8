import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Figure } from "./figure.ts";
import { percentile, printTable } from "./figure.ts";
import type { Installation } from "./installation.ts";
import { freePort, startInstallation } from "./installation.ts";
import { writeProgram } from "./program.ts";

const DEFAULT_TRIGGERS = 20;
const WARM_UP_TRIGGERS = 2;
const FIRST_EVENT_LIMIT_MS = 1000;
const SECOND_START_LIMIT_MS = 5000;
const WAIT_SECONDS = 60;
const PATH = { organisation: "default", project: "bench-start", stack: "bench" };

/** Warm trigger to first engine event (p95), and the second `npm start` of a data folder until /readyz answers. */
export async function measureStart(triggers = DEFAULT_TRIGGERS): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), "slipway-bench-"));
  const program = join(folder, PATH.project);
  const port = await freePort();
  try {
    await writeProgram(program, PATH.project);
    const first = await startInstallation(join(folder, "data"), port, [folder]);
    await first.stop();
    const second = await startInstallation(join(folder, "data"), port, [folder]);
    let events: number[];
    try {
      events = await firstEvents(second, program, triggers);
    } finally {
      await second.stop();
    }
    printTable(
      ["trigger", "first engine event ms"],
      events.map((value, index) => [String(index + 1), value.toFixed(0)]),
    );
    const p95 = percentile(events, 0.95);
    return [
      figure("start first-event p95", p95, FIRST_EVENT_LIMIT_MS),
      figure("start second-start", second.readyAfterMs, SECOND_START_LIMIT_MS),
    ];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function figure(name: string, value: number, limit: number): Figure {
  return { name, value, limit, text: `${value.toFixed(0)} ms`, limitText: `${limit} ms` };
}

async function firstEvents(installation: Installation, program: string, triggers: number): Promise<number[]> {
  const { client } = installation;
  await client.createProject({
    body: { organisation: PATH.organisation, name: PATH.project, folder: program },
  });
  await client.createStack({
    body: { organisation: PATH.organisation, project: PATH.project, name: PATH.stack },
  });
  const set = (key: string, value: string) =>
    client.setConfig({ params: { ...PATH, key: `${PATH.project}:${key}` }, body: { value } });
  await set("resources", "10");
  const taken: number[] = [];
  for (let trigger = 1; trigger <= WARM_UP_TRIGGERS + triggers; trigger += 1) {
    await set("round", String(trigger));
    const started = performance.now();
    const { id } = await client.requestDeployment({
      params: PATH,
      body: { operation: "update", options: { skipPreview: true } },
    });
    const took = await firstEngineEvent(installation, id, started);
    if (trigger > WARM_UP_TRIGGERS) taken.push(took);
    const ended = await client.getDeployment({ params: { id }, query: { wait: WAIT_SECONDS } });
    if (ended.status !== "succeeded") throw new Error(`A deployment of the bench ended ${ended.status}.`);
  }
  return taken;
}

async function firstEngineEvent(installation: Installation, id: string, started: number): Promise<number> {
  for await (const event of installation.client.followEvents(id)) {
    if (event.body.type === "engine" || event.body.type === "resource") return performance.now() - started;
  }
  throw new Error("The deployment ended without an event of the engine.");
}
