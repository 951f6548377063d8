import { type Client, ProblemError } from "../client/index.ts";
import type { StackPath } from "../contract/identifiers.ts";
import { Id } from "../contract/identifiers.ts";
import type { HistoryEntry, Update } from "../contract/updates.ts";
import { ENDED_UPDATE_STATUSES } from "../contract/updates.ts";
import { SlipwayError } from "../errors.ts";
import type { CliContext, StackOptions } from "./context.ts";
import { usageError } from "./failure.ts";
import { allPages } from "./pages.ts";
import { chooseStack, stackLabel } from "./stack-choice.ts";
import { isTerminal } from "./watch.ts";

/** A deployment, or a run of the Pulumi CLI that belongs to none. */
export interface Run {
  readonly kind: "deployment" | "update";
  readonly id: string;
}

/** How a person names a run. */
type Named =
  | { by: "id"; id: string }
  | { by: "number"; number: number }
  | { by: "version"; number: number }
  | { by: "prefix"; prefix: string };

/** Fewer digits of an id name several runs soon. */
const PREFIX = /^[0-9a-f]{8}[0-9a-f-]*$/;

/** How lists show a run, and commands take it: `#4` for a deployment, `v7` for an update with Pulumi's version of the stack, the first digits of the id for a preview. */
export function runLabel(entry: HistoryEntry): string {
  if (entry.kind === "deployment") return `#${entry.deployment.number}`;
  return updateLabel(entry.update);
}

/** The same of an update alone. */
export function updateLabel(update: Pick<Update, "id" | "number">): string {
  return update.number === null ? update.id.slice(0, 8) : `v${update.number}`;
}

/**
 * The run that a command is about: an id or its first 8 digits, the number of a deployment (`12`, `#12`), the version that an update made
 * (`v7`), or without any the stack's newest run; with `active` the one that has not ended. An update of a deployment stands for it.
 */
export async function chooseRun(
  context: CliContext,
  client: Client,
  given: string | undefined,
  options: StackOptions,
  active = false,
): Promise<Run> {
  const named = given === undefined ? null : nameOf(given);
  if (named?.by === "id") return runById(client, named.id);
  const stack = await chooseStack(context, client, options);
  if (named?.by === "version")
    return runOf(await client.getStackUpdate({ params: { ...stack, number: named.number } }));
  const isNewest = named === null && !active;
  const history = await allPages(
    (page) => client.listHistory({ params: stack, query: page }),
    isNewest ? 1 : undefined,
  );
  if (named !== null) return foundByName(history, named, stack);
  return active ? onlyActive(history, stack) : newest(history, stack);
}

async function runById(client: Client, id: string): Promise<Run> {
  try {
    return runOf(await client.getUpdate({ params: { id } }));
  } catch (error) {
    if (!(error instanceof ProblemError && error.code === "not_found")) throw error;
    // No update has it: a deployment may, and otherwise that is what is said to be missing.
    return { kind: "deployment", id };
  }
}

function runOf(update: Update): Run {
  return update.deploymentId === null
    ? { kind: "update", id: update.id }
    : { kind: "deployment", id: update.deploymentId };
}

function runIn(entry: HistoryEntry): Run {
  return entry.kind === "deployment"
    ? { kind: "deployment", id: entry.deployment.id }
    : { kind: "update", id: entry.update.id };
}

function newest([first]: readonly HistoryEntry[], stack: StackPath): Run {
  if (first !== undefined) return runIn(first);
  throw new SlipwayError("not_found", `${stackLabel(stack)} has not been deployed yet.`, {
    remedy: "Start one with `slipway deploy`.",
  });
}

function onlyActive(history: readonly HistoryEntry[], stack: StackPath): Run {
  const active = history.filter((entry) => !isOver(entry));
  const [first] = active;
  const label = stackLabel(stack);
  if (first === undefined)
    throw new SlipwayError(
      "not_found",
      `No deployment of ${label} is queued or running, and no Pulumi CLI holds it.`,
      { remedy: "`slipway history` lists those that ended." },
    );
  if (new Set(active.map(({ kind }) => kind)).size > 1)
    throw usageError(
      `${label} has several runs that have not ended: ${active.map(runLabel).join(", ")}.`,
      "Name one of them.",
    );
  return runIn(first);
}

function foundByName(history: readonly HistoryEntry[], named: Named, stack: StackPath): Run {
  const fits = history.filter((entry) =>
    named.by === "number"
      ? entry.kind === "deployment" && entry.deployment.number === named.number
      : named.by === "prefix" && runIn(entry).id.startsWith(named.prefix),
  );
  const [first, second] = fits;
  if (second !== undefined) throw usageError("Several runs have an id that begins so.", "Give more of it.");
  if (first !== undefined) return runIn(first);
  const what = named.by === "number" ? `deployment #${named.number}` : "run whose id begins so";
  throw new SlipwayError("not_found", `${stackLabel(stack)} has no ${what}.`, {
    remedy: "`slipway history` lists them.",
  });
}

function isOver(entry: HistoryEntry): boolean {
  return entry.kind === "deployment"
    ? isTerminal(entry.deployment)
    : ENDED_UPDATE_STATUSES.includes(entry.update.status);
}

/** What a person means by it. Eight digits without a `#` are those of an id: one id in forty-three begins with nothing else, and no stack has ten million deployments. */
export function nameOf(given: string): Named {
  if (Id.safeParse(given).success) return { by: "id", id: given };
  const digits = /^(?:#([1-9][0-9]{0,8})|([1-9][0-9]{0,6}))$/.exec(given)?.slice(1).find(Boolean);
  if (digits !== undefined) return { by: "number", number: Number(digits) };
  const version = /^v([1-9][0-9]{0,8})$/.exec(given)?.[1];
  if (version !== undefined) return { by: "version", number: Number(version) };
  if (PREFIX.test(given)) return { by: "prefix", prefix: given };
  throw usageError(
    `${JSON.stringify(given)} is neither the id nor the number of a deployment or an update.`,
    "Take one from `slipway history`: #4 is a deployment, v7 an update of the Pulumi CLI.",
  );
}
