import { type Client, ProblemError, replacingPaths } from "../../client/index.ts";
import type { PlannedStep } from "../../contract/previews.ts";
import { SlipwayError } from "../../errors.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { factsOf, nextCommand, type Shown } from "../deployment-facts.ts";
import { diffLines } from "../diff-lines.ts";
import { withStackOptions } from "../options.ts";
import { clean, painter, printJson, printLine } from "../output.ts";
import type { Register } from "../program.ts";
import { chooseRun } from "../run-choice.ts";
import { stackLabel } from "../stack-choice.ts";

interface Options extends StackOptions {
  readonly diff?: boolean;
  readonly all?: boolean;
}
/** More resources than this are told by their number alone. */
const SHOWN_RESOURCES = 20;
const PAGE_SIZE = 200;

export const register: Register = (program, context) => {
  withStackOptions(program.command("show"))
    .description(
      "show what a deployment is about: what, why, who, its risk, who may approve it, what moved, what it changes, and what to do next",
    )
    .argument("[run]", "id or #number of the deployment; by default the stack's newest")
    .option("--diff", "with what each property changes from and to")
    .option("--all", `all resources that change, not only the first ${SHOWN_RESOURCES}`)
    .action(async (given: string | undefined, options: Options) => {
      const client = await connect(context, options);
      const { kind, id } = await chooseRun(context, client, given, options);
      if (kind === "update")
        throw new SlipwayError("not_found", "A run of the Pulumi CLI has no preview and no approval here.", {
          remedy: `slipway logs ${id} prints what happened in it.`,
        });
      const limit = options.all === true || options.json === true ? PAGE_SIZE : SHOWN_RESOURCES;
      const shown = await read(client, id, limit);
      if (options.all === true || options.json === true) await readRest(client, shown);
      if (options.json === true) printJson(context, shown);
      else print(context, shown, options.diff === true);
    });
};

async function read(client: Client, id: string, limit: number): Promise<Shown> {
  const params = { id };
  const [deployment, preview, approval, seal] = await Promise.all([
    client.getDeployment({ params }),
    orNull(client.getPreview({ params, query: { limit, changed: "true" } })),
    orNull(client.getApproval({ params })),
    orNull(client.getSeal({ params })),
  ]);
  return { deployment, preview, approval, moved: seal?.moved ?? [] };
}

/** The other pages, in the place of the first one's list. */
async function readRest(client: Client, { deployment: { id }, preview }: Shown): Promise<void> {
  if (preview === null) return;
  while (preview.next !== null) {
    const query = { limit: PAGE_SIZE, changed: "true" as const, after: preview.next };
    const page = await client.getPreview({ params: { id }, query });
    preview.items.push(...page.items);
    preview.next = page.next;
  }
}

async function orNull<Answer>(asked: Promise<Answer>): Promise<Answer | null> {
  try {
    return await asked;
  } catch (thrown) {
    // Not every deployment has each part.
    if (thrown instanceof ProblemError && thrown.code === "not_found") return null;
    throw thrown;
  }
}

function print(context: CliContext, shown: Shown, withDiff: boolean): void {
  const paint = painter(context);
  const { deployment, preview } = shown;
  const name = `${deployment.operation} #${deployment.number} of ${stackLabel(deployment)}`;
  printLine(context, `${paint("bold", clean(name))}: ${deployment.status.replaceAll("_", " ")}`);
  let before = "";
  for (const [word, text] of factsOf(shown, Date.now())) {
    printLine(context, `  ${paint("dim", (word === before ? "" : word).padEnd(8))} ${text}`);
    before = word;
  }
  if (preview !== null && preview.items.length > 0) {
    printLine(context);
    for (const step of preview.items) {
      printLine(context, lineOf(step, paint));
      if (withDiff)
        for (const change of step.changes)
          for (const line of diffLines(change, paint)) printLine(context, `      ${line}`);
    }
    if (preview.next !== null) printLine(context, paint("dim", "  … and more; --all shows them"));
  }
  const next = nextCommand(shown);
  if (next !== null) printLine(context, `\nNext: ${paint("bold", next[0])}  ${clean(next[1])}`);
}

const SIGNS: Readonly<Record<string, string>> = {
  create: "+",
  update: "~",
  replace: "±",
  delete: "-",
  import: "+",
};

function lineOf(step: PlannedStep, paint: ReturnType<typeof painter>): string {
  const because = replacingPaths(step);
  const isHard = step.operation === "replace" || step.operation === "delete" || !(step.operation in SIGNS);
  const what = `${SIGNS[step.operation] ?? "?"} ${step.operation}`;
  const why = because.length === 0 ? "" : `  because of ${because.join(", ")}`;
  return joined(
    `  ${isHard ? paint("red", what) : what}`,
    `  ${step.name}  ${step.type}${step.protect ? "  protected" : ""}${why}`,
  );
}

/** Only the first part may hold colours: they are ours. */
function joined(painted: string, text: string): string {
  return painted + clean(text);
}
