import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { formatAge } from "../../client/formats.ts";
import type { Client } from "../../client/index.ts";
import type { StackDelivery } from "../../contract/stack-deliveries.ts";
import { SlipwayError } from "../../errors.ts";
import { connect } from "../connection.ts";
import type { CliContext, CommonOptions } from "../context.ts";
import type { ExitCode } from "../exit-codes.ts";
import { EXIT } from "../exit-codes.ts";
import { usageError } from "../failure.ts";
import { positive } from "../numbers.ts";
import { collect, withCommonOptions } from "../options.ts";
import { clean, printJson, printLine, printList, printTable } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";
import type { ProjectOptions } from "../project-choice.ts";
import { chooseProject, projectLabel, withProjectOptions } from "../project-choice.ts";

interface CreateOptions extends ProjectOptions {
  readonly wave: readonly string[];
  readonly from?: string;
  readonly release?: number;
  readonly message?: string;
  readonly watch?: boolean;
  readonly idempotencyKey?: string;
}

const LOOK_EVERY_MS = 1_000;

export const register: Register = (program, context) => {
  const deliveries = program
    .command("deliveries")
    .description("one release brought to several stacks, wave by wave; the first that is not good stops it");

  withProjectOptions(deliveries.command("create"))
    .description("begin one: a wave begins once every stack of the wave before is good")
    .requiredOption("--wave <stacks>", "stacks of one wave, by commas; repeat it for the next wave", collect)
    .option(
      "--from <stack>",
      "the stack whose good release the first wave takes; without it the first wave is one stack, which is deployed from the project's folder",
    )
    .option("--release <n>", "with --from: which release; by default the newest", positive("--release"))
    .option("-m, --message <text>", "why; kept in history and audit")
    .option("--watch", "print each move, to the end")
    .option("--idempotency-key <key>", "a repeated request with the same key starts nothing new")
    .action(async (options: CreateOptions) => {
      const { from, release, message } = options;
      if (release !== undefined && from === undefined)
        throw usageError("--release needs --from.", "Name the stack whose release it is.");
      const client = await connect(context, options);
      const project = await chooseProject(context, client, options);
      const created = await client.createStackDelivery({
        body: {
          ...project,
          waves: options.wave.map((wave) => wave.split(",").map((stack) => stack.trim())),
          ...(from === undefined
            ? {}
            : { from: { stack: from, ...(release === undefined ? {} : { release }) } }),
          ...(message === undefined ? {} : { message }),
        },
        // A retry below this line (a lost answer) must not deliver twice.
        idempotencyKey: options.idempotencyKey ?? randomUUID(),
      });
      await show(context, client, created, options);
    });

  withProjectOptions(deliveries.command("list"))
    .description("list deliveries, newest first; with --project those of one")
    .option("--limit <n>", "how many", positive("--limit"), 20)
    .action(async (options: ProjectOptions & { limit: number }) => {
      const client = await connect(context, options);
      const project = options.project === undefined ? {} : await chooseProject(context, client, options);
      const found = await allPages(
        (page) => client.listStackDeliveries({ query: { ...page, ...project } }),
        options.limit,
      );
      printList(context, options, found, {
        heading: ["ID", "PROJECT", "STATUS", "GOOD", "BY", "WHEN"],
        row: (one, now) => [
          one.id,
          projectLabel(one),
          one.status,
          `${one.stacks.filter(({ state }) => state === "good").length} of ${one.stacks.length}`,
          one.requestedBy,
          formatAge(one.createdAt, now),
        ],
        empty: "No deliveries yet.",
      });
    });

  withCommonOptions(deliveries.command("show"))
    .description("show the state of each of its stacks")
    .argument("<id>", "as the list shows it")
    .option("--watch", "print each move, to the end")
    .action(async (id: string, options: CommonOptions & { watch?: boolean }) => {
      const client = await connect(context, options);
      await show(context, client, await client.getStackDelivery({ params: { id } }), options);
    });

  for (const [name, description, change] of [
    ["pause", "begin no further stack; what was begun goes on", "pauseStackDelivery"],
    ["resume", "go on with one that was paused", "resumeStackDelivery"],
    ["cancel", "end it: what waits is cancelled, what runs is asked to stop", "cancelStackDelivery"],
  ] as const) {
    withCommonOptions(deliveries.command(name))
      .description(description)
      .argument("<id>", "as the list shows it")
      .action(async (id: string, options: CommonOptions) => {
        const client = await connect(context, options);
        const changed = await client[change]({ params: { id } });
        if (options.json === true) printJson(context, changed);
        else printState(context, changed);
      });
  }
};

async function show(
  context: CliContext,
  client: Client,
  delivery: StackDelivery,
  { json, watch }: { json?: boolean; watch?: boolean },
): Promise<void> {
  if (watch !== true) {
    if (json === true) printJson(context, delivery);
    else printState(context, delivery);
    return;
  }
  if (json !== true) printLine(context, `Delivery ${delivery.id} of ${projectLabel(delivery)}`);
  const ended = await follow(context, client, delivery, json === true);
  if (json === true) printJson(context, ended);
  else printState(context, ended);
  context.finish(exitCodeOf(ended));
}

/** Prints each stack's moves until the delivery has ended. */
async function follow(
  context: CliContext,
  client: Client,
  delivery: StackDelivery,
  quiet: boolean,
): Promise<StackDelivery> {
  const seen = new Map<string, string>();
  let latest = delivery;
  for (;;) {
    for (const { stack, state, detail } of latest.stacks) {
      if (seen.get(stack) === state) continue;
      seen.set(stack, state);
      if (state === "waiting" || quiet) continue;
      printLine(context, clean(`  ${stack} ${wordOf(state)}${detail === null ? "" : `: ${detail}`}`));
    }
    if (latest.endedAt !== null) return latest;
    // The only rejection is the abort, which is asked for next.
    await pause(LOOK_EVERY_MS, undefined, { signal: context.signal }).catch(() => {});
    if (context.signal.aborted) {
      throw new SlipwayError("interrupted", "No longer watching; the delivery goes on.", {
        remedy: `slipway deliveries show ${latest.id} --watch watches it again; slipway deliveries cancel ${latest.id} ends it.`,
      });
    }
    latest = await client.getStackDelivery({ params: { id: latest.id } });
  }
}

function printState(context: CliContext, delivery: StackDelivery): void {
  printTable(
    context,
    ["WAVE", "STACK", "FROM", "STATE", "DEPLOYMENT", "RELEASE"],
    delivery.stacks.map(({ wave, stack, from, state, deployment, release }) => [
      String(wave),
      stack,
      from ?? "the folder",
      wordOf(state),
      deployment === null ? "" : `#${deployment.number}`,
      release === null ? "" : String(release),
    ]),
    "No stacks.",
  );
  const { id, status, detail } = delivery;
  printLine(context, clean(`Delivery ${id} is ${status}.${detail === null ? "" : ` ${detail}`}`));
}

function wordOf(state: StackDelivery["stacks"][number]["state"]): string {
  return state.replaceAll("_", " ");
}

function exitCodeOf({ status }: StackDelivery): ExitCode {
  if (status === "succeeded") return EXIT.ok;
  return status === "cancelled" ? EXIT.cancelled : EXIT.failed;
}
