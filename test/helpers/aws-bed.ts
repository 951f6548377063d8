import path from "node:path";
import type { AnswerBody, TestApi } from "./api.ts";
import { startTestApi } from "./api.ts";
import type { Aws } from "./aws.ts";
import type { AwsVersion } from "./aws-project.ts";
import { writeAwsProject } from "./aws-project.ts";
import { installAwsProvider } from "./aws-provider.ts";
import type { AwsSystem } from "./aws-system.ts";
import { makeAwsSystem } from "./aws-system.ts";
import { register } from "./ledger-project.ts";
import { eventually } from "./waiting.ts";
import type { TestWorker } from "./worker.ts";
import { startWorkerOf } from "./worker.ts";

const PROJECT = "shop";
const SETTLES_WITHIN_MS = 150_000;

/** Slipway with a real worker, and a project whose stacks are on a stand-in for AWS, each with a system of its own. */
export interface AwsBed {
  api: TestApi;
  /** Address of a stack in Slipway's API. */
  stack(name: string): string;
  system(name: string): AwsSystem;
  /** Writes the version of the project that the next deployment takes. */
  write(built: Omit<AwsVersion, "systems">): void;
  /** Asks for a deployment, an update when nothing else is said, and answers its id. */
  ask(stack: string, body?: Record<string, unknown>): Promise<string>;
  /** A deployment that has ended, or that waits for a person. */
  settled(id: string): Promise<AnswerBody>;
  deploy(stack: string, body?: Record<string, unknown>): Promise<AnswerBody>;
  /** What a person who looks for the reason would read: the failure, and what the worker printed. */
  told(deployment: AnswerBody): string;
  /** Lines that steps of a deployment printed. */
  linesOf(id: string): Promise<string[]>;
  /** Kills the worker and starts another. */
  replaceWorker(): Promise<void>;
  stop(): Promise<void>;
}

/** Makes it. The stand-in stays whoever's it is. */
export async function startAwsBed(aws: Aws, stacks: readonly string[]): Promise<AwsBed> {
  const api = await startTestApi();
  installAwsProvider(path.join(api.dataDir, "pulumi-home"));
  const env = { ...aws.env, SLIPWAY_ENGINE_ENV: Object.keys(aws.env).join(",") };
  let worker: TestWorker = await startWorkerOf(api, { env });
  const systems: Record<string, AwsSystem> = {};
  for (const name of stacks) systems[name] = await makeAwsSystem(aws, `${PROJECT}-${name}`);
  const folder = path.join(api.root, PROJECT);
  writeAwsProject(folder, PROJECT, { version: "v0", systems });
  await register(api, PROJECT, folder, stacks);
  const stack: AwsBed["stack"] = (name) => `/v1/stacks/default/${PROJECT}/${name}`;
  const ask: AwsBed["ask"] = async (name, body = {}) => {
    const asked = await api.ask("POST", `${stack(name)}/deployments`, {
      body: { operation: "update", ...body },
    });
    if (asked.status !== 202) throw new Error(`no deployment was made: ${asked.text}`);
    return asked.body.id;
  };
  const settled: AwsBed["settled"] = (id) =>
    eventually(`deployment ${id} settles`, SETTLES_WITHIN_MS, async () => {
      const { body } = await api.ask("GET", `/v1/deployments/${id}`);
      const isHeld = body.verification === "held";
      const isGoingBack = body.verification === "rolling_back";
      return (body.finishedAt === null && !isHeld) || isGoingBack ? undefined : body;
    });
  return {
    api,
    stack,
    system: (name) => {
      const found = systems[name];
      if (found === undefined) throw new Error(`there is no stack ${name}`);
      return found;
    },
    write: (built) => void writeAwsProject(folder, PROJECT, { ...built, systems }),
    ask,
    settled,
    deploy: async (name, body) => settled(await ask(name, body)),
    told: (deployment) => `${JSON.stringify(deployment.failure)} ${worker.output()}`,
    linesOf: async (id) => {
      const { body } = await api.ask("GET", `/v1/deployments/${id}/events?limit=1000`);
      return body.items.flatMap(({ body: event }) => {
        const { line } = event as { line?: string };
        return line === undefined ? [] : [line];
      });
    },
    replaceWorker: async () => {
      await worker.kill();
      worker = await startWorkerOf(api, { env });
    },
    stop: async () => {
      await worker.stop();
      await api.close();
    },
  };
}
