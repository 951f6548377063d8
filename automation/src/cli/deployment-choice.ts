import type { Client } from "../client/index.ts";
import { type DeploymentSummary, TERMINAL_STATUSES } from "../contract/deployments.ts";
import { Id } from "../contract/identifiers.ts";
import { SlipwayError } from "../errors.ts";
import type { CliContext, StackOptions } from "./context.ts";
import { usageError } from "./failure.ts";
import { allPages } from "./pages.ts";
import { chooseStack, stackLabel } from "./stack-choice.ts";

/**
 * The id of the deployment that a command is about: an id, a number of the chosen stack (`12` or `#12`), or without either
 * the stack's newest one; with `active` the newest one that has not ended.
 */
export async function chooseDeployment(
  context: CliContext,
  client: Client,
  given: string | undefined,
  options: StackOptions,
  active = false,
): Promise<string> {
  if (given !== undefined && Id.safeParse(given).success) return given;
  const number = given === undefined ? null : numberOf(given);
  const stack = await chooseStack(context, client, options);
  const fits = (one: DeploymentSummary) =>
    number === null ? !active || !TERMINAL_STATUSES.includes(one.status) : one.number === number;
  const found = (await allPages((page) => client.listStackDeployments({ params: stack, query: page }))).find(
    fits,
  );
  if (found !== undefined) return found.id;
  const label = stackLabel(stack);
  if (number !== null)
    throw new SlipwayError("not_found", `${label} has no deployment #${number}.`, {
      remedy: "`slipway history` lists them.",
    });
  throw new SlipwayError(
    "not_found",
    active ? `No deployment of ${label} is queued or running.` : `${label} has not been deployed yet.`,
    { remedy: active ? "`slipway history` lists those that ended." : "Start one with `slipway deploy`." },
  );
}

function numberOf(given: string): number {
  const digits = /^#?([1-9][0-9]{0,8})$/.exec(given)?.[1];
  if (digits === undefined)
    throw usageError(
      `${JSON.stringify(given)} is neither the id nor the number of a deployment.`,
      "Take one from `slipway history`.",
    );
  return Number(digits);
}
