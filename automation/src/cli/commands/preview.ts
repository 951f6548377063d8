import type { PlannedStep, PropertyChange } from "../../contract/previews.ts";
import type { DeploymentPreview, Seal } from "../../contract/seals.ts";
import { connect } from "../connection.ts";
import type { CliContext, CommonOptions } from "../context.ts";
import { collect, withCommonOptions } from "../options.ts";
import { clean, printJson, printLine } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";
import { type RequestOptions, requestAndWatch, withRequestOptions, withTargetOptions } from "../request.ts";

const MAX_VALUE_CHARACTERS = 80;

export const register: Register = (program, context) => {
  const preview = program
    .command("preview")
    .description("show what a deployment would change; changes nothing");

  withTargetOptions(withRequestOptions(preview.command("run", { isDefault: true })))
    .description("preview the project's source as it is now")
    .option("--replace <urn>", "replace this resource; may be repeated", collect)
    .option("--refresh", "compare with the real resources instead of the recorded ones")
    .action((options: RequestOptions) => requestAndWatch(context, options, { operation: "preview" }));

  withCommonOptions(preview.command("show"))
    .description("what a deployment's preview said, resource by resource, and what seals it")
    .argument("<deployment>", "its id")
    .option("--changed", "leave out what stays as it is")
    .action(async (id: string, options: CommonOptions & { changed?: boolean }) => {
      const client = await connect(context, options);
      const changed = options.changed === true ? "true" : "false";
      let whole: DeploymentPreview | undefined;
      const items = await allPages(async (page) => {
        whole = await client.getPreview({ params: { id }, query: { ...page, changed } });
        return whole;
      });
      const { steps } = await client.getDeployment({ params: { id }, query: { wait: 0 } });
      const isSealed = steps.some(({ name, state }) => name === "seal" && state === "succeeded");
      const seal = isSealed ? await client.getSeal({ params: { id } }) : null;
      if (options.json === true) {
        printJson(context, { ...whole, items, next: null, seal });
        return;
      }
      if (whole !== undefined) print(context, whole, items, seal);
    });
};

function print(
  context: CliContext,
  { counts, stepCount, truncated }: DeploymentPreview,
  steps: readonly PlannedStep[],
  seal: Seal | null,
): void {
  for (const { operation, urn, changes } of steps) {
    printLine(context, clean(`${operation.padEnd(9)} ${urn}`));
    for (const change of changes) printLine(context, clean(`            ${changeLine(change)}`));
  }
  const parts = Object.entries(counts).map(([operation, count]) => `${operation} ${count}`);
  printLine(context, parts.length === 0 ? "No resources." : `${parts.join(", ")}.`);
  if (truncated) printLine(context, `Of ${stepCount} steps not all is kept.`);
  if (seal === null) return;
  printLine(context, `Seal ${seal.digest}, binding ${seal.binding ?? "not known yet"}`);
  for (const { item, path, was, is } of seal.moved) {
    printLine(
      context,
      clean(`Moved since: ${item}${path === null ? "" : ` ${path}`}: ${value(was)} → ${value(is)}`),
    );
  }
}

function changeLine({ path, kind, replaces, before, after, known }: PropertyChange): string {
  const to = known ? value(after) : "known during the update";
  const sign = { add: "+", delete: "-", update: "~" }[kind];
  const values = kind === "add" ? to : kind === "delete" ? value(before) : `${value(before)} → ${to}`;
  return `${sign} ${path}: ${values}${replaces ? " (replaces)" : ""}`;
}

function value(of: unknown): string {
  const text = JSON.stringify(of) ?? "nothing";
  return text.length <= MAX_VALUE_CHARACTERS ? text : `${text.slice(0, MAX_VALUE_CHARACTERS)} ...`;
}
