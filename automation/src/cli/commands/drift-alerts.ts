import { randomUUID } from "node:crypto";
import type { Command } from "commander";
import { formatAge } from "../../client/formats.ts";
import type { DriftAlert, DriftValue } from "../../contract/drift.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { positive } from "../numbers.ts";
import { withStackOptions } from "../options.ts";
import { clean, printJson, printLine, printTable } from "../output.ts";
import { allPages } from "../pages.ts";
import { type RequestOptions, requestAndWatch, watchRequested, withRequestOptions } from "../request.ts";
import { chooseStack, stackLabel, withStackArgument } from "../stack-choice.ts";

/** The commands about single differences: what they are, and what to do about them. */
export function registerAlerts(drift: Command, context: CliContext): void {
  withStackOptions(drift.command("alerts"))
    .description("list the open drift alerts of a stack, newest first, with before and after")
    .argument("[stack]", "instead of --stack")
    .option("--closed", "those that are over, instead")
    .option("--limit <n>", "how many", positive("--limit"), 50)
    .action(
      async (given: string | undefined, options: StackOptions & { closed?: boolean; limit: number }) => {
        const client = await connect(context, options);
        const params = await chooseStack(context, client, withStackArgument(options, given));
        const status = options.closed === true ? "closed" : "open";
        const alerts = await allPages(
          (page) => client.listDriftAlerts({ params, query: { ...page, status } }),
          options.limit,
        );
        if (options.json === true) {
          printJson(context, alerts);
          return;
        }
        const now = Date.now();
        printTable(
          context,
          ["ID", status === "open" ? "OPENED" : "CLOSED", "WHAT", "BEFORE", "NOW", "STANDS"],
          alerts.map((one) => [
            one.id,
            formatAge(one.closedAt ?? one.openedAt, now),
            one.summary,
            shown(one.value?.before ?? null),
            shown(one.value?.after ?? null),
            stands(one),
          ]),
          `No alert of ${stackLabel(params)} is ${status}.`,
        );
        const [first] = alerts;
        if (status === "open" && first !== undefined) {
          printLine(
            context,
            `Undo all of it: slipway drift remediate ${first.id}. Keep one: slipway drift adopt <id>. Be quiet about it: slipway drift ignore <urn>.`,
          );
        }
      },
    );

  withStackOptions(drift.command("raw"))
    .description("print all that differed in one check as it was read, before anything is taken as equal")
    .argument("[check]", "id of the check; by default the newest")
    .action(async (given: string | undefined, options: StackOptions) => {
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, options);
      const check = given ?? (await client.getDrift({ params: stack })).latest?.id;
      if (check === undefined) {
        printLine(context, `${stackLabel(stack)} has never been checked for drift.`);
        return;
      }
      const raw = await client.getRawDrift({ params: { ...stack, check } });
      if (options.json === true) {
        printJson(context, raw);
        return;
      }
      for (const { urn, class: kind, values } of raw.items) {
        printLine(context, `${clean(urn)} (${kind})`);
        for (const value of values) printValue(context, value);
      }
      if (raw.items.length === 0) printLine(context, "Nothing differed at all.");
      if (!raw.complete) printLine(context, "There was more than is kept.");
    });

  withRequestOptions(drift.command("remediate"))
    .description("undo a stack's drift: deploy the release that runs again, with a refresh")
    .argument("[alert]", "as the list of alerts shows it; left out: whatever differs")
    .action(async (alert: string | undefined, options: RequestOptions) => {
      if (alert === undefined) {
        await requestAndWatch(context, options, { operation: "remediate-drift" });
        return;
      }
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, options);
      const deployment = await client.remediateDrift({
        params: { ...stack, alert },
        body: options.message === undefined ? {} : { message: options.message },
        // A retry below this line (a lost answer) must not deploy twice.
        idempotencyKey: options.idempotencyKey ?? randomUUID(),
      });
      await watchRequested(context, client, options, deployment);
    });

  withStackOptions(drift.command("adopt"))
    .description("print the change of the source that would keep what drifted; edits nothing")
    .argument("<alert>", "as the list of alerts shows it")
    .action(async (alert: string, options: StackOptions) => {
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, options);
      const adoption = await client.getDriftAdoption({ params: { ...stack, alert } });
      if (options.json === true) {
        printJson(context, adoption);
        return;
      }
      printLine(context, clean(adoption.instruction));
      for (const note of adoption.notes) printLine(context, `- ${clean(note)}`);
      if (adoption.patch.length > 0) printLine(context, clean(JSON.stringify(adoption.patch)));
    });
}

/** A column of a table: long values are in `drift raw`. */
const LONGEST_CELL = 40;

function shown(value: string | null): string {
  if (value === null) return "-";
  return value.length <= LONGEST_CELL ? value : `${value.slice(0, LONGEST_CELL - 1)}…`;
}

function stands({ closedBecause, remediation }: DriftAlert): string {
  if (closedBecause !== null) return closedBecause;
  return remediation === null ? "open" : `remediation ${remediation.status}`;
}

function printValue(context: CliContext, { path, side, before, after }: DriftValue): void {
  printLine(context, `  ${clean(path)} (${side})`);
  printLine(context, `    - ${clean(before ?? "not there")}`);
  printLine(context, `    + ${clean(after ?? "not there")}`);
}
