import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import type { Client } from "../client/index.ts";
import { RequestEmergency } from "../contract/approvals.ts";
import type { Deployment, DeploymentOptions, RequestDeployment } from "../contract/deployments.ts";
import type { StackPath } from "../contract/identifiers.ts";
import { connect } from "./connection.ts";
import type { CliContext, StackOptions } from "./context.ts";
import { positive } from "./numbers.ts";
import { collect, withStackOptions } from "./options.ts";
import { clean, printJson, printLine } from "./output.ts";
import { bodyOf } from "./request-body.ts";
import { connectSignedIn } from "./signed-in.ts";
import { chooseStack, stackLabel } from "./stack-choice.ts";
import { waitingLine } from "./waiting-line.ts";
import { watch } from "./watch.ts";

export interface RequestOptions extends StackOptions {
  readonly message?: string;
  /** False with --no-wait. */
  readonly wait: boolean;
  readonly idempotencyKey?: string;
  readonly target?: readonly string[];
  readonly targetDependents?: boolean;
  readonly replace?: readonly string[];
  readonly refresh?: boolean;
  readonly parallel?: number;
  readonly skipPreview?: boolean;
  readonly skipTests?: boolean;
  /** The deployment whose rollback failed. */
  readonly acknowledge?: string;
  /** Digest of what a preview showed. */
  readonly seal?: string;
  /** Why the votes are passed by, and the incident. */
  readonly emergency?: string;
  readonly incident?: string;
}

/** Adds what every command takes that requests a deployment. */
export function withRequestOptions(command: Command): Command {
  return withStackOptions(command)
    .option("-m, --message <text>", "why; kept in history and audit")
    .option("--no-wait", "print the deployment and return, instead of watching it to its end")
    .option(
      "--acknowledge <deployment>",
      "on a stack that a failed rollback has frozen: the id of the deployment that was to be undone",
    )
    .option("--idempotency-key <key>", "a repeated request with the same key starts nothing new");
}

/** Adds what passes the votes of a stack by. */
export function withEmergencyOptions(command: Command): Command {
  return command
    .option("--emergency <reason>", "pass the votes by: why nobody can be waited for; with --incident")
    .option("--incident <url>", "link to the incident");
}

function emergencyOf({ emergency, incident }: RequestOptions): RequestDeployment["emergency"] {
  if (emergency === undefined && incident === undefined) return undefined;
  return bodyOf(
    RequestEmergency,
    { reason: emergency, incident },
    "Give both --emergency <reason> and --incident <url>.",
  );
}

/** Adds the engine's options for which resources to touch. */
export function withTargetOptions(command: Command): Command {
  return command
    .option("-t, --target <urn>", "only this resource; may be repeated", collect)
    .option("--target-dependents", "with --target: also what depends on the targets")
    .option("--parallel <n>", "how many resources at a time", positive("--parallel"));
}

/** The engine options of a request; those not given are left out, so that the server's default counts. */
export function engineOptions(options: RequestOptions): DeploymentOptions {
  return {
    ...(options.target === undefined ? {} : { targets: [...options.target] }),
    ...(options.targetDependents === undefined ? {} : { targetDependents: options.targetDependents }),
    ...(options.replace === undefined ? {} : { replace: [...options.replace] }),
    ...(options.refresh === undefined ? {} : { refresh: options.refresh }),
    ...(options.parallel === undefined ? {} : { parallel: options.parallel }),
    ...(options.skipPreview === undefined ? {} : { skipPreview: options.skipPreview }),
    ...(options.skipTests === undefined ? {} : { skipTests: options.skipTests }),
  };
}

/**
 * Requests a deployment and watches it. `confirm` runs before the request, with the stack that was chosen; it answers
 * whether to go on.
 */
export async function requestAndWatch(
  context: CliContext,
  options: RequestOptions,
  what: Pick<RequestDeployment, "operation" | "release" | "promote" | "cancelRunning" | "consent">,
  confirm: (client: Client, stack: StackPath) => Promise<boolean> = () => Promise.resolve(true),
): Promise<void> {
  const emergency = emergencyOf(options);
  // Only a person passes votes by.
  const client = await (emergency === undefined
    ? connect(context, options)
    : connectSignedIn(context, options));
  const stack = await chooseStack(context, client, options);
  if (!(await confirm(client, stack))) {
    printLine(context, "Nothing was changed.");
    return;
  }
  const deployment = await client.requestDeployment({
    params: stack,
    query: { wait: 0 },
    body: {
      operation: what.operation,
      options: engineOptions(options),
      ...(what.release === undefined ? {} : { release: what.release }),
      ...(what.promote === undefined ? {} : { promote: what.promote }),
      ...(what.cancelRunning === undefined ? {} : { cancelRunning: what.cancelRunning }),
      ...(what.consent === undefined ? {} : { consent: what.consent }),
      ...(options.acknowledge === undefined ? {} : { acknowledge: options.acknowledge }),
      ...(options.message === undefined ? {} : { message: options.message }),
      ...(options.seal === undefined ? {} : { seal: options.seal }),
      ...(emergency === undefined ? {} : { emergency }),
    },
    // A retry below this line (a lost answer) must not deploy twice.
    idempotencyKey: options.idempotencyKey ?? randomUUID(),
  });
  await watchRequested(context, client, options, deployment);
}

/** Watches a deployment that was just requested to its end, or says how to. */
export async function watchRequested(
  context: CliContext,
  client: Client,
  options: Pick<RequestOptions, "json" | "wait">,
  deployment: Deployment,
): Promise<void> {
  const json = options.json === true;
  if (!options.wait) {
    if (json) printJson(context, deployment);
    else {
      printLine(
        context,
        `Requested ${deployment.operation} #${deployment.number} of ${stackLabel(deployment)}.`,
      );
      printLine(context, `Watch it: slipway logs ${deployment.id} --follow`);
    }
    return;
  }
  if (!json) {
    const behind = deployment.queuePosition ?? 0;
    const queue = behind > 0 ? `, ${behind} before it` : "";
    printLine(context, `${deployment.operation} #${deployment.number} of ${stackLabel(deployment)}${queue}`);
    // Whoever is next only waits for a moment.
    if (deployment.waiting !== null && deployment.waiting.reason !== "next")
      printLine(context, clean(waitingLine(deployment.waiting, Date.now())));
  }
  context.finish(await watch(context, client, deployment, json));
}
