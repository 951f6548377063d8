import { randomUUID } from "node:crypto";
import { formatAge } from "../../client/formats.ts";
import type { Client } from "../../client/index.ts";
import type { StackPath } from "../../contract/identifiers.ts";
import type { UnreconciledStack } from "../../contract/reconciliation.ts";
import { messageOf, SlipwayError } from "../../errors.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { usageError } from "../failure.ts";
import { withStackOptions } from "../options.ts";
import { printJson, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import { chooseStack, stackLabel, withStackArgument } from "../stack-choice.ts";
import { isTerminal } from "../watch.ts";

interface Options extends StackOptions {
  readonly all?: boolean;
  readonly confirm?: boolean;
  readonly list?: boolean;
}

/** Longest wait that one request asks the server for. */
const WAIT_SECONDS = 30;
/** Drift previews that wait for workers at once. */
const AT_ONCE = 8;

interface Result {
  stack: string;
  reconciled: boolean;
  /** Why not; null when it was. */
  reason: string | null;
}

export const register: Register = (program, context) => {
  withStackOptions(program.command("reconcile"))
    .description(
      "compare a restored stack with what is really there, and let it be changed again when they agree",
    )
    .argument("[stack]", "the stack")
    .option("--all", "every stack that a restore has left unreconciled")
    .option("--list", "only list them")
    .option(
      "--confirm",
      "after a refresh that found differences: you have looked at them, and the state may be worked with",
    )
    .action(async (given: string | undefined, options: Options) => {
      const client = await connect(context, options);
      const { items } = await client.listUnreconciledStacks();
      if (options.list === true) return list(context, items, options.json === true);
      const stacks = await chosen(context, client, items, withStackArgument(options, given), options);
      const results: Result[] = [];
      for (let from = 0; from < stacks.length; from += AT_ONCE) {
        const some = stacks.slice(from, from + AT_ONCE);
        results.push(...(await Promise.all(some.map((one) => reconcile(context, client, one, options)))));
      }
      if (results.some(({ reconciled }) => !reconciled)) context.finish(EXIT.refused);
      if (options.json === true) return printJson(context, results);
      printTable(
        context,
        ["STACK", "RECONCILED", "OTHERWISE"],
        results.map((one) => [one.stack, one.reconciled ? "yes" : "no", one.reason ?? ""]),
        "No stack needs reconciling.",
      );
    });
};

function list(context: CliContext, items: readonly UnreconciledStack[], json: boolean): void {
  if (json) {
    printJson(context, items);
    return;
  }
  const now = Date.now();
  printTable(
    context,
    ["STACK", "BACKUP", "STATE", "LOOKED AT", "FOUND"],
    items.map((one) => [
      stackLabel(one),
      formatAge(one.backupAt, now),
      one.state === null ? "none" : String(one.state),
      one.lookedAt === null ? "never" : formatAge(one.lookedAt, now),
      one.evidence,
    ]),
    "No stack needs reconciling.",
  );
}

async function chosen(
  context: CliContext,
  client: Client,
  items: readonly UnreconciledStack[],
  choice: StackOptions,
  options: Options,
): Promise<readonly StackPath[]> {
  if (options.all !== true) return [await chooseStack(context, client, choice)];
  if (choice.stack !== undefined) throw usageError("A stack was named beside --all.", "Give one of them.");
  // Each stack's differences are to be looked at by themselves.
  if (options.confirm === true) throw usageError("--confirm is for one stack.", "Name the stack.");
  return items.map(({ organisation, project, stack }) => ({ organisation, project, stack }));
}

/** Has a drift check look at the stack unless a person vouches for it, and asks the server to let it be changed. */
async function reconcile(
  context: CliContext,
  client: Client,
  stack: StackPath,
  options: Options,
): Promise<Result> {
  const label = stackLabel(stack);
  let unseen = "";
  try {
    if (options.confirm !== true) unseen = await look(context, client, stack);
    await client.reconcileStack({ params: stack, body: { confirmed: options.confirm === true } });
    return { stack: label, reconciled: true, reason: null };
  } catch (error) {
    if (error instanceof SlipwayError && error.code === "interrupted") throw error;
    const remedy = error instanceof SlipwayError && error.remedy !== undefined ? ` ${error.remedy}` : "";
    return { stack: label, reconciled: false, reason: `${unseen}${messageOf(error)}${remedy}` };
  }
}

/** Waits for a drift preview of the stack, which changes nothing. Answers why there was none, empty when there was: what is known already may do. */
async function look(context: CliContext, client: Client, stack: StackPath): Promise<string> {
  try {
    let deployment = await client.requestDeployment({
      params: stack,
      query: { wait: 0 },
      body: { operation: "detect-drift", options: {}, message: "After a restore" },
      idempotencyKey: randomUUID(),
    });
    while (!isTerminal(deployment)) {
      if (context.signal.aborted)
        throw new SlipwayError("interrupted", "No longer waiting; nothing was changed.");
      deployment = await client.getDeployment({
        params: { id: deployment.id },
        query: { wait: WAIT_SECONDS },
      });
    }
    return deployment.failure === null ? "" : `No drift preview: ${deployment.failure.detail} `;
  } catch (error) {
    if (!(error instanceof SlipwayError) || error.code === "interrupted") throw error;
    return `No drift preview: ${error.message} `;
  }
}
