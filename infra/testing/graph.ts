import pulumi from "@pulumi/pulumi";
import type { AwsManifest } from "../../automation/src/contract/aws/manifest.ts";
import type { ProgramPins } from "../../automation/src/contract/aws/shipment.ts";
import { callerAccount } from "../account.ts";
import { parseConfig } from "../config.ts";
import { answerOf, stateOf } from "./cloud-answers.ts";

/** A resource that the program asked for. */
export interface Declared {
  type: string;
  name: string;
  /** As the engine gets them: a secret is an envelope. */
  inputs: Record<string, unknown>;
  protect: boolean;
  ignoreChanges: string[];
  /** Type and name of the component that it is part of; empty at the top. */
  parent: string;
}

export interface Graph {
  resources: Declared[];
  manifest: AwsManifest | undefined;
  url: string | undefined;
}

export interface Run {
  pins?: ProgramPins;
  /** Secret config. */
  secrets?: Readonly<Record<string, string>>;
  preview?: boolean;
}

interface Request {
  getType: () => string;
  getName: () => string;
  getProtect: () => boolean;
  getIgnorechangesList: () => string[];
  getParent: () => string;
}

/** How long a file may take to declare its graphs: a second each on a machine that does nothing else. */
export const DECLARING_TIMEOUT_MS = 120_000;

/** Everything that the target `aws` declares for a config, against a cloud that answers from a table. Runs in this process: one at a time. */
export async function declare(config: Readonly<Record<string, string>>, run: Run = {}): Promise<Graph> {
  const { stackTraceLimit } = Error;
  // Pulumi keeps the stack of each of its thousands of promises: a third of the time.
  Error.stackTraceLimit = 0;
  try {
    return await declareGraph(config, run);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

async function declareGraph(config: Readonly<Record<string, string>>, run: Run): Promise<Graph> {
  const { pins = {}, secrets = {}, preview = false } = run;
  const resources: Declared[] = [];
  await pulumi.runtime.setMocks(
    {
      call: ({ token }) => answerOf(token),
      newResource: ({ type, name, inputs }) => {
        const given = inputs as Record<string, unknown>;
        const one = resources.findLast((made) => made.type === type && made.name === name);
        if (one !== undefined) one.inputs = given;
        return { id: preview ? undefined : `${name}-id`, state: stateOf(type, given) };
      },
    },
    "slipway",
    "test",
    preview,
  );
  noteRequests(resources);
  pulumi.runtime.setAllConfig({ ...config, ...secrets }, Object.keys(secrets));
  const { deployAws } = await import("../targets/aws.ts");
  const settings = parseConfig(config, "test");
  if (settings["slipway:target"] !== "aws") throw new Error("The config is of another target.");
  const outputs = deployAws(settings, pins, await callerAccount());
  const [manifest, url] = await Promise.all([promiseOf(outputs.manifest), promiseOf(outputs.url)]);
  // Whatever is still being registered belongs to this graph.
  await pulumi.runtime.disconnect();
  return { resources: resources.filter(({ type }) => type.startsWith("aws:")), manifest, url };
}

/** Mocks are not told options of resources; the requests to the engine hold them. */
function noteRequests(resources: Declared[]): void {
  const monitor = pulumi.runtime.getMonitor() as unknown as {
    registerResource: (request: Request, callback: unknown) => unknown;
  };
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    resources.push({
      type: request.getType(),
      name: request.getName(),
      inputs: {},
      protect: request.getProtect(),
      ignoreChanges: request.getIgnorechangesList(),
      parent: request.getParent().split("::").slice(2).join(" "),
    });
    return register(request, callback);
  };
}

/** The value, undefined when it is not known yet. */
async function promiseOf<T>(output: pulumi.Output<T>): Promise<T | undefined> {
  const inner = output as unknown as { promise: () => Promise<T>; isKnown: Promise<boolean> };
  const value = await inner.promise();
  return (await inner.isKnown) ? value : undefined;
}
