import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { formatAge, formatBytes } from "../../client/formats.ts";
import type { Stack } from "../../contract/stacks.ts";
import type { StackState } from "../../contract/updates.ts";
import { connect } from "../connection.ts";
import type { CliContext, CommonOptions, StackOptions } from "../context.ts";
import { usageError } from "../failure.ts";
import { confirmed } from "../hidden-input.ts";
import { positive } from "../numbers.ts";
import { collect, withCommonOptions, withStackOptions } from "../options.ts";
import { clean, printJson, printLine, printTable } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";
import { updateLabel } from "../run-choice.ts";
import { chooseStack, stackLabel, withStackArgument } from "../stack-choice.ts";
import { writerLines } from "../writer-lines.ts";

export const register: Register = (program, context) => {
  const stacks = program
    .command("stacks")
    .description("list, create, show and remove stacks; their tags, outputs and states");
  registerList(stacks, context);
  registerCreate(stacks, context);
  registerShow(stacks, context);
  registerRemove(stacks, context);
  registerTags(stacks, context);
  registerOutputs(stacks, context);
  registerStates(stacks, context);
};

function labelOf(stack: Stack): string {
  return stackLabel({ ...stack, stack: stack.name });
}

function registerList(stacks: Command, context: CliContext): void {
  withCommonOptions(stacks.command("list"))
    .description("list all stacks")
    .action(async (options: CommonOptions) => {
      const client = await connect(context, options);
      const items = await allPages((page) => client.listStacks({ query: page }));
      if (options.json === true) {
        printJson(context, items);
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["STACK", "RELEASE", "RESOURCES", "LAST RUN"],
        items.map((one) => [
          labelOf(one),
          one.currentRelease === null ? "-" : String(one.currentRelease),
          one.resourceCount === null ? "-" : String(one.resourceCount),
          lastOf(one, now),
        ]),
        "No stacks yet. Create one with `slipway stacks create <project>/<stack>`.",
      );
    });
}

/** The newest run: a deployment, or one of the Pulumi CLI. */
function lastOf(stack: Stack, now: number): string {
  const { lastDeployment, lastUpdate } = stack;
  const isUpdate =
    lastUpdate !== null &&
    (lastDeployment === null || Date.parse(lastUpdate.requestedAt) > Date.parse(lastDeployment.requestedAt));
  if (isUpdate)
    return `pulumi ${lastUpdate.kind} ${lastUpdate.status}, ${formatAge(lastUpdate.requestedAt, now)}`;
  if (lastDeployment === null) return "never deployed";
  const { operation, status, requestedAt } = lastDeployment;
  return `${operation} ${status}, ${formatAge(requestedAt, now)}`;
}

function registerCreate(stacks: Command, context: CliContext): void {
  withCommonOptions(stacks.command("create"))
    .description("create a stack")
    .argument("<stack>", "[organisation/]project/stack; a bare stack is one of this folder's project")
    .option("--tag <key=value>", "a tag; may be repeated", collect)
    .action(async (given: string, options: CommonOptions & { tag?: string[] }) => {
      const tags = parseTags(options.tag ?? []);
      const client = await connect(context, options);
      const { organisation, project, stack } = await chooseStack(context, client, {
        ...options,
        stack: given,
      });
      const created = await client.createStack({
        body: { organisation, project, name: stack, tags },
        idempotencyKey: randomUUID(),
      });
      if (options.json === true) printJson(context, created);
      else
        printLine(
          context,
          `Stack ${labelOf(created)} is created. Deploy it: slipway deploy -s ${labelOf(created)}`,
        );
    });
}

function registerShow(stacks: Command, context: CliContext): void {
  withStackOptions(stacks.command("show"))
    .description("show one stack, and who holds it")
    .argument("[stack]", "instead of --stack")
    .action(async (given: string | undefined, options: StackOptions) => {
      const client = await connect(context, options);
      const params = await chooseStack(context, client, withStackArgument(options, given));
      const stack = await client.getStack({ params });
      const { writer } = await client.getWriter({ params });
      if (options.json === true) {
        printJson(context, { ...stack, writer });
        return;
      }
      const lines: [string, string][] = [
        ["stack", labelOf(stack)],
        ["current release", stack.currentRelease === null ? "none" : String(stack.currentRelease)],
        ["last good release", stack.lastGoodRelease === null ? "none" : String(stack.lastGoodRelease)],
        ["resources", stack.resourceCount === null ? "unknown" : String(stack.resourceCount)],
        ["last run", lastOf(stack, Date.now())],
        ...writerLines(writer, Date.now()),
        ...Object.entries(stack.tags).map(([key, value]): [string, string] => [`tag ${key}`, value]),
      ];
      const width = Math.max(...lines.map(([name]) => name.length));
      for (const [name, value] of lines) printLine(context, clean(`${name.padEnd(width)}  ${value}`));
    });
}

function registerRemove(stacks: Command, context: CliContext): void {
  withStackOptions(stacks.command("remove"))
    .description("remove a stack that has no resources; its history stays in the audit log")
    .argument("[stack]", "instead of --stack")
    .option("-y, --yes", "do not ask for confirmation")
    .action(async (given: string | undefined, options: StackOptions & { yes?: boolean }) => {
      const client = await connect(context, options);
      const params = await chooseStack(context, client, withStackArgument(options, given));
      const goesOn =
        options.yes === true ||
        (await confirmed(context, `${stackLabel(params)} will be removed. Go on?`, "--yes"));
      if (goesOn) await client.removeStack({ params });
      if (options.json === true) printJson(context, { removed: goesOn ? params : null });
      else printLine(context, goesOn ? `Stack ${stackLabel(params)} is removed.` : "Nothing was changed.");
    });
}

function registerTags(stacks: Command, context: CliContext): void {
  withStackOptions(stacks.command("tags"))
    .description("print the tags of a stack, or change some: key=value sets one, key= removes it")
    .argument("[tags...]", "key=value")
    .action(async (given: string[], options: StackOptions) => {
      const changes = parseTags(given);
      const client = await connect(context, options);
      const params = await chooseStack(context, client, options);
      let { tags } = await client.getStack({ params });
      if (given.length > 0) {
        const kept = Object.entries({ ...tags, ...changes }).filter(([, value]) => value !== "");
        ({ tags } = await client.replaceTags({ params, body: { tags: Object.fromEntries(kept) } }));
      }
      if (options.json === true) printJson(context, tags);
      else printTable(context, ["TAG", "VALUE"], Object.entries(tags), "No tags.");
    });
}

function registerOutputs(stacks: Command, context: CliContext): void {
  withStackOptions(stacks.command("outputs"))
    .description("print the outputs of the current state, or the value of one; secret ones stay hidden")
    .argument("[name]", "print this output's value alone")
    .action(async (name: string | undefined, options: StackOptions) => {
      const client = await connect(context, options);
      const params = await chooseStack(context, client, options);
      const { state, outputs } = await client.getOutputs({ params });
      if (name !== undefined && !(name in outputs))
        throw usageError(
          `${stackLabel(params)} has no output ${JSON.stringify(name)}.`,
          state === null ? "Deploy it first." : `It has: ${Object.keys(outputs).join(", ") || "none"}.`,
        );
      if (options.json === true) printJson(context, name === undefined ? outputs : outputs[name]);
      else if (name !== undefined) printLine(context, clean(textOf(outputs[name])));
      else
        printTable(
          context,
          ["OUTPUT", "VALUE"],
          Object.entries(outputs).map(([key, value]) => [key, textOf(value)]),
          state === null ? "Not deployed yet." : "No outputs.",
        );
    });
}

function registerStates(stacks: Command, context: CliContext): void {
  withStackOptions(stacks.command("states"))
    .description("list the states of a stack, newest first: which run left each, and whether it is partial")
    .argument("[stack]", "instead of --stack")
    .option("--limit <n>", "how many", positive("--limit"), 20)
    .action(async (given: string | undefined, options: StackOptions & { limit: number }) => {
      const client = await connect(context, options);
      const params = await chooseStack(context, client, withStackArgument(options, given));
      const states = await allPages((page) => client.listStates({ params, query: page }), options.limit);
      if (options.json === true) {
        printJson(context, states);
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["STATE", "RESOURCES", "SIZE", "LEFT BY", "WHEN", ""],
        states.map((one) => [
          String(one.number),
          String(one.resourceCount),
          formatBytes(one.sizeBytes),
          leftBy(one),
          formatAge(one.createdAt, now),
          one.partial ? "partial" : "",
        ]),
        "No state yet.",
      );
    });
}

function leftBy({ update }: StackState): string {
  if (update === null) return "an import";
  const by = `${update.kind} ${updateLabel(update)}`;
  return update.deploymentId === null
    ? `pulumi ${by}`
    : `${by} of deployment ${update.deploymentId.slice(0, 8)}`;
}

function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  if (typeof value === "object" && value !== null && "secret" in value && value.secret === true)
    return "[secret]";
  return JSON.stringify(value);
}

function parseTags(given: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    given.map((one) => {
      const equals = one.indexOf("=");
      if (equals < 1) throw usageError(`${JSON.stringify(one)} is not a tag.`, "Write it as key=value.");
      return [one.slice(0, equals), one.slice(equals + 1)];
    }),
  );
}
