import { readFile } from "node:fs/promises";
import path from "node:path";
import { formatAge } from "../../client/formats.ts";
import type { Gate, GatePhase } from "../../contract/gates.ts";
import { GatePhase as Phase } from "../../contract/gates.ts";
import { messageOf } from "../../errors.ts";
import { decideByGates } from "../../releases/rules.ts";
import { parseManifest } from "../../sources/slipway-yaml.ts";
import { connect } from "../connection.ts";
import type { CliContext, CommonOptions, StackOptions } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { usageError } from "../failure.ts";
import { gateLine, printEvidence } from "../gate-lines.ts";
import { collect, withStackOptions } from "../options.ts";
import { painter, printJson, printLine, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import { chooseRun } from "../run-choice.ts";
import { chooseStack, stackLabel } from "../stack-choice.ts";

interface RunOptions extends Pick<CommonOptions, "json"> {
  readonly category?: readonly string[];
  readonly gate?: readonly string[];
  readonly phase?: string;
  readonly folder?: string;
  readonly outputs?: string;
  readonly quiet?: boolean;
}

export const register: Register = (program, context) => {
  const gates = program
    .command("gates")
    .description(
      "checks before and after an update: what they measured, which a stack requires, and how they do here",
    );

  withStackOptions(gates.command("show"))
    .description("the gates of a deployment, or all that one of them measured")
    .argument("[run]", "id or #number of a deployment; by default the newest of the stack")
    .argument("[gate]", "name of a gate")
    .action(async (given: string | undefined, name: string | undefined, options: StackOptions) => {
      const client = await connect(context, options);
      const { kind, id } = await chooseRun(context, client, given, options);
      if (kind !== "deployment")
        throw usageError("A run of the Pulumi CLI has no gates.", "Name a deployment, such as #4.");
      const { gates: results } = await client.getDeployment({ params: { id }, query: {} });
      if (name === undefined) {
        if (options.json === true) printJson(context, results);
        else if (results.length === 0) printLine(context, "No gate has said anything.");
        else
          for (const one of results)
            printLine(context, `${one.phase.padEnd(6)} ${gateLine(one, painter(context))}`);
        return;
      }
      const found = results.filter((one) => one.name === name);
      if (found.length === 0) throw noSuch(name, results);
      const seen = await Promise.all(
        found.map((one) => client.getGate({ params: { id, phase: one.phase, name } })),
      );
      if (options.json === true) printJson(context, seen.length === 1 ? seen[0] : seen);
      else for (const one of seen) printEvidence(context, one);
    });

  gates
    .command("run")
    .description(
      "measure the gates of this folder's slipway.yaml here, as a deployment would; exits with 1 when a required one does not pass",
    )
    .option("--category <name>", "only this category; may be repeated", collect)
    .option("--gate <name>", "only this gate; may be repeated", collect)
    .option("--phase <phase>", "before or after an update; by default before")
    .option("--folder <path>", "instead of the current folder")
    .option("--outputs <file>", "JSON of the outputs that gates after an update read")
    .option("--quiet", "do not print what commands print")
    .option("--json", "print JSON instead of text")
    .action((options: RunOptions) => runHere(context, options));

  gates
    .command("install-hook")
    .description(
      "let git run this folder's gates before each commit; refuses to replace a hook of somebody else",
    )
    .option("--category <name>", "only this category")
    .option("--folder <path>", "instead of the current folder")
    .option("--json", "print JSON instead of text")
    .action(async (options: { category?: string; folder?: string; json?: boolean }) => {
      const { installHook } = await import("../../gates/git-hook.ts");
      const hook = await installHook(path.resolve(context.cwd, options.folder ?? "."), options.category);
      if (options.json === true) printJson(context, { hook });
      else printLine(context, `${hook} runs the gates before each commit.`);
    });

  withStackOptions(gates.command("required"))
    .description(
      "list the gates that every deployment of the stack must pass, whatever its slipway.yaml says",
    )
    .action(async (options: StackOptions) => {
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, options);
      const found = await client.listRequiredGates({ params: stack });
      if (options.json === true) {
        printJson(context, found);
        return;
      }
      const now = Date.now();
      printTable(
        context,
        ["PHASE", "GATE", "SET BY", "WHEN"],
        found.items.map(({ gate, setBy, setAt }) => [gate.phase, gate.name, setBy, formatAge(setAt, now)]),
        "The stack requires no gates.",
      );
    });

  withStackOptions(gates.command("require"))
    .description("require gates of the stack's deployments; audited")
    .argument("<file>", "YAML with a list of gates, as slipway.yaml has it")
    .action(async (file: string, options: StackOptions) => {
      const { gates: wanted } = parseManifest(await readText(context, file), file);
      if (wanted.length === 0)
        throw usageError(`${file} has no gates.`, "Write them below 'gates:', as in slipway.yaml.");
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, options);
      const set = [];
      for (const gate of wanted) {
        const { phase, name } = gate;
        set.push(await client.setRequiredGate({ params: { ...stack, phase, name }, body: gate }));
        if (options.json !== true)
          printLine(context, `${stackLabel(stack)} requires the gate ${name} ${phase} an update.`);
      }
      if (options.json === true) printJson(context, set);
    });

  withStackOptions(gates.command("unrequire"))
    .description("require a gate no more; audited")
    .argument("<phase>", "before or after")
    .argument("<gate>")
    .action(async (given: string, name: string, options: StackOptions) => {
      const phase = phaseOf(given);
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, options);
      await client.removeRequiredGate({ params: { ...stack, phase, name } });
      if (options.json === true) printJson(context, { stack, phase, gate: name });
      else printLine(context, `${stackLabel(stack)} no more requires the gate ${name} ${phase} an update.`);
    });
};

async function runHere(context: CliContext, options: RunOptions): Promise<void> {
  const { readLocalProject, runLocally } = await import("../../gates/run-local.ts");
  const phase = phaseOf(options.phase ?? "before");
  const project = await readLocalProject(path.resolve(context.cwd, options.folder ?? "."));
  const chosen = choose(project.gates, phase, options);
  const outputs = options.outputs === undefined ? {} : await readOutputs(context, options.outputs);
  const paint = painter(context);
  const isText = options.json !== true;
  const env = Object.fromEntries(
    Object.entries(context.env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
  const records = await runLocally(project, chosen, {
    env,
    outputs,
    signal: context.signal,
    onLine: (gate, line) => {
      if (isText && options.quiet !== true) printLine(context, paint("dim", `${gate.name}: ${line}`));
    },
    onResult: (result) => {
      if (isText) printLine(context, gateLine(result, paint));
    },
  });
  const results = records.map(({ result }) => result);
  if (!isText) {
    printJson(
      context,
      records.map(({ result, evidence, measurements, output }) => ({
        ...result,
        ...evidence,
        measurements,
        output,
      })),
    );
  } else if (chosen.length === 0) printLine(context, `slipway.yaml has no gates ${phase} an update.`);
  if (context.signal.aborted) context.finish(EXIT.interrupted);
  else if (decideByGates(results).kind !== "good") context.finish(EXIT.failed);
}

function choose(gates: readonly Gate[], phase: GatePhase, { category, gate }: RunOptions): Gate[] {
  const ofPhase = gates.filter((one) => one.phase === phase);
  const categories = ofPhase.filter((one) => one.category !== undefined);
  for (const name of category ?? [])
    if (!categories.some((one) => one.name === name)) throw noSuch(name, categories);
  for (const name of gate ?? []) if (!ofPhase.some((one) => one.name === name)) throw noSuch(name, ofPhase);
  if (category === undefined && gate === undefined) return ofPhase;
  return ofPhase.filter(
    (one) =>
      gate?.includes(one.name) === true ||
      (one.category !== undefined && category?.includes(one.name) === true),
  );
}

function noSuch(name: string, known: readonly { name: string }[]) {
  const names = known.map((one) => one.name).join(", ");
  return usageError(`There is no ${name}.`, names === "" ? "There are none at all." : `There are: ${names}.`);
}

function phaseOf(given: string): GatePhase {
  const parsed = Phase.safeParse(given);
  if (parsed.success) return parsed.data;
  throw usageError(
    `A gate is before or after an update, not ${JSON.stringify(given)}.`,
    "Write before or after.",
  );
}

async function readOutputs(context: CliContext, file: string): Promise<Record<string, unknown>> {
  const text = await readText(context, file);
  try {
    const parsed: unknown = JSON.parse(text);
    if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
  } catch {
    // What is wrong is said below: there is only one thing that it should be.
  }
  throw usageError(`${file} holds no JSON object.`, "`slipway stacks outputs --json` prints one.");
}

async function readText(context: CliContext, file: string): Promise<string> {
  try {
    return await readFile(path.resolve(context.cwd, file), "utf8");
  } catch (error) {
    throw usageError(`${file} cannot be read: ${messageOf(error)}.`, "Name a file that is there.");
  }
}
