import type { Client } from "../client/index.ts";
import { foldEvents, NO_PROGRESS } from "../client/progress.ts";
import { type Deployment, TERMINAL_STATUSES } from "../contract/deployments.ts";
import type { DeploymentEvent } from "../contract/events.ts";
import { SlipwayError } from "../errors.ts";
import type { CliContext } from "./context.ts";
import { linesOf } from "./event-lines.ts";
import type { ExitCode } from "./exit-codes.ts";
import { openLiveRegion } from "./live-region.ts";
import { outcomeOf } from "./outcome.ts";
import { painter, printJson, printLine } from "./output.ts";

/** Longest wait that one request asks the server for. */
const WAIT_SECONDS = 30;
/** How many of the last lines of a failed build, test or program are shown on a terminal. */
const LAST_LINES = 20;

/**
 * Follows a deployment to its end, and the rollback that Slipway starts for it, printing as it goes. With `json` prints the
 * final deployment alone. Answers the exit code.
 */
export async function watch(
  context: CliContext,
  client: Client,
  started: Deployment,
  json: boolean,
): Promise<ExitCode> {
  const ended = await finish(context, client, started, json);
  const rollback = ended.rolledBackBy === null ? null : await read(client, ended.rolledBackBy);
  const outcome = outcomeOf(ended, rollback, painter(context));
  if (json) printJson(context, rollback === null ? ended : { ...ended, rollback });
  else for (const line of outcome.lines) printLine(context, line);
  return outcome.exitCode;
}

/** Waits for the end of a deployment; it ends after the automatic rollback that it may cause, which is watched too. */
async function finish(
  context: CliContext,
  client: Client,
  deployment: Deployment,
  json: boolean,
): Promise<Deployment> {
  if (!json) {
    const rollback = await follow(context, client, deployment);
    if (rollback !== null) await follow(context, client, rollback);
  }
  // The stream ends with the last event; the row is what counts.
  let latest = await read(client, deployment.id);
  while (!isTerminal(latest) && !waitsForPerson(latest)) {
    stopIfAsked(context, deployment);
    latest = await client
      .getDeployment({ params: { id: deployment.id }, query: { wait: WAIT_SECONDS }, signal: context.signal })
      .catch((thrown: unknown) => {
        stopIfAsked(context, deployment);
        throw thrown;
      });
  }
  return latest;
}

function read(client: Client, id: string): Promise<Deployment> {
  return client.getDeployment({ params: { id } });
}

/** Prints the events of a deployment until it ends or Slipway starts to roll it back; answers that rollback. */
async function follow(
  context: CliContext,
  client: Client,
  deployment: Deployment,
): Promise<Deployment | null> {
  const paint = painter(context);
  const isLive = context.stdout.isTTY === true && context.env.TERM !== "dumb";
  const region = isLive ? openLiveRegion(context.stdout, paint, Date.now) : null;
  let progress = NO_PROGRESS;
  try {
    for await (const event of client.followEvents(deployment.id, { signal: context.signal })) {
      progress = foldEvents(progress, [event]);
      const lines = linesOf(event, progress, { paint, verbose: region === null });
      const isFailedStep = event.body.type === "step" && event.body.state === "failed";
      if (region !== null && isFailedStep && event.body.type === "step") {
        const step = event.body.step;
        const last = progress.log.filter((one) => one.step === step).slice(-LAST_LINES);
        lines.unshift(...last.map((one) => `  ${paint("dim", "|")} ${one.line}`));
      }
      region?.show(progress);
      if (region !== null) region.print(lines);
      else for (const line of lines) printLine(context, line);
      // Its own stream says no more until the rollback has ended.
      const now = startsRollback(event) ? await read(client, deployment.id) : null;
      if (now !== null && now.rolledBackBy !== null) return await read(client, now.rolledBackBy);
      // People decide in their own time: whoever asked reads what it waits for, and is free.
      if (waitsNow(event) || (now !== null && waitsForPerson(now))) return null;
    }
  } finally {
    region?.close();
  }
  stopIfAsked(context, deployment);
  return null;
}

/** A running deployment says `running` again, with the reason, when it waits for its automatic rollback. */
function startsRollback({ body }: DeploymentEvent): boolean {
  return body.type === "status" && body.status === "running" && body.detail !== null;
}

function waitsNow({ body }: DeploymentEvent): boolean {
  return body.type === "status" && body.status === "waiting_approval";
}

/** Whether nothing goes on until a person has decided. */
function waitsForPerson(deployment: Pick<Deployment, "status" | "verification">): boolean {
  return (
    deployment.status === "waiting_approval" ||
    (deployment.status === "running" && deployment.verification === "held")
  );
}

function stopIfAsked(context: CliContext, deployment: Deployment): void {
  if (!context.signal.aborted) return;
  throw new SlipwayError("interrupted", `No longer watching; deployment #${deployment.number} goes on.`, {
    remedy: `slipway logs ${deployment.id} --follow watches it again; slipway cancel ${deployment.id} ends it.`,
  });
}

/** Whether the deployment's status is one that it never leaves. */
export function isTerminal(deployment: { status: Deployment["status"] }): boolean {
  return TERMINAL_STATUSES.includes(deployment.status);
}
