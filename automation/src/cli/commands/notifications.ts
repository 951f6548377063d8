import { setTimeout as pause } from "node:timers/promises";
import type { Command } from "commander";
import { formatAge } from "../../client/formats.ts";
import type { createClient } from "../../client/index.ts";
import type { Delivery, DeliveryDetail } from "../../contract/notifications.ts";
import { DeliveryStatus } from "../../contract/notifications.ts";
import { connect } from "../connection.ts";
import type { CliContext } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { usageError } from "../failure.ts";
import { positive } from "../numbers.ts";
import type { OrganisationOptions } from "../organisation.ts";
import { organisationOf, withOrganisationOptions } from "../organisation.ts";
import { clean, printJson, printLine, printTable } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";
import { bodyOf } from "../request-body.ts";

const HELP = "See `slipway help notifications`.";
const USUAL_LIMIT = 20;
/** Longer than the longest try of a destination. */
const TEST_WAIT_MS = 45_000;
const TEST_POLL_MS = 500;

export const register: Register = (program, context) => {
  const notifications = program
    .command("notifications")
    .description("what was sent to whom: list, show, send again what was given up, and test");
  registerList(notifications, context);
  registerShow(notifications, context);
  registerResend(notifications, context);
  registerTest(notifications, context);
};

function registerList(notifications: Command, context: CliContext): void {
  withOrganisationOptions(notifications.command("list"))
    .description("list messages and what became of them, newest first")
    .option("--status <status>", `only ${DeliveryStatus.options.join(", ")}; dead: given up`)
    .option("--destination <name>", "only to this destination")
    .option("--limit <n>", "how many", positive("--limit"), USUAL_LIMIT)
    .action(
      async (options: OrganisationOptions & { status?: string; destination?: string; limit: number }) => {
        const status =
          options.status === undefined ? {} : { status: bodyOf(DeliveryStatus, options.status, HELP) };
        const destination = options.destination === undefined ? {} : { destination: options.destination };
        const client = await connect(context, options);
        const params = { organisation: organisationOf(options) };
        const items = await allPages(
          (page) => client.listDeliveries({ params, query: { ...page, ...status, ...destination } }),
          options.limit,
        );
        if (options.json === true) return printJson(context, items);
        const now = Date.now();
        printTable(
          context,
          ["ID", "WHEN", "KIND", "ABOUT", "TO", "STATUS", "TRIES"],
          items.map((one) => [
            one.id,
            formatAge(one.createdAt, now),
            one.kind,
            one.subject,
            one.destination,
            one.status,
            String(one.attempts),
          ]),
          "No messages.",
        );
      },
    );
}

function registerShow(notifications: Command, context: CliContext): void {
  withOrganisationOptions(notifications.command("show"))
    .description("show one message with every try")
    .argument("<id>", "as in notifications list")
    .action(async (delivery: string, options: OrganisationOptions) => {
      const client = await connect(context, options);
      const params = { organisation: organisationOf(options), delivery };
      const found = await client.getDelivery({ params });
      if (options.json === true) printJson(context, found);
      else printDelivery(context, found);
    });
}

function printDelivery(context: CliContext, delivery: DeliveryDetail): void {
  const { body } = delivery;
  const lines: [string, string | null][] = [
    ["Message", delivery.messageId],
    ["To", delivery.destination],
    ["Kind", `${delivery.kind} (${delivery.severity})`],
    ["Where", delivery.subject],
    ["What", body.what],
    ["Who", body.who],
    ["Why", body.why],
    ["Next", body.nextAction],
    ["Status", statusOf(delivery)],
  ];
  for (const [label, text] of lines) {
    if (text !== null) printLine(context, `${`${label}:`.padEnd(9)}${clean(text)}`);
  }
  printLine(context);
  printTable(
    context,
    ["TRY", "AT", "OUTCOME", "CODE", "TOOK", "ERROR"],
    delivery.tries.map((one) => [
      String(one.number),
      one.startedAt,
      one.outcome,
      one.statusCode === null ? "" : String(one.statusCode),
      one.durationMs === null ? "" : `${one.durationMs} ms`,
      one.error ?? "",
    ]),
    "Not tried yet.",
  );
}

function statusOf({ status, error, nextAttemptAt }: Delivery): string {
  const why = error === null ? "" : `: ${error}`;
  return status === "pending" ? `pending, next try ${nextAttemptAt ?? "soon"}${why}` : `${status}${why}`;
}

function registerResend(notifications: Command, context: CliContext): void {
  withOrganisationOptions(notifications.command("resend"))
    .description("send again a message that was given up, or all of a destination; each keeps its id")
    .argument("[id]", "as in notifications list")
    .option("--destination <name>", "all that was given up at this destination")
    .action(async (delivery: string | undefined, options: OrganisationOptions & { destination?: string }) => {
      const organisation = organisationOf(options);
      const { destination } = options;
      if ((delivery === undefined) === (destination === undefined)) {
        throw usageError(
          "Name one message or one destination.",
          "slipway notifications resend <id>, or --destination <name>",
        );
      }
      const client = await connect(context, options);
      if (destination !== undefined) {
        const { resent } = await client.resendDeadOfDestination({ params: { organisation, destination } });
        if (options.json === true) printJson(context, { resent });
        else
          printLine(context, `${resent} ${resent === 1 ? "message is" : "messages are"} on the way again.`);
        return;
      }
      const found = await client.resendDelivery({ params: { organisation, delivery: delivery ?? "" } });
      if (options.json === true) printJson(context, found);
      else printLine(context, `Message ${found.messageId} is on its way to ${found.destination} again.`);
    });
}

function registerTest(notifications: Command, context: CliContext): void {
  withOrganisationOptions(notifications.command("test"))
    .description("send a test message to a destination and wait for its first try")
    .argument("<destination>", "as in destinations list")
    .action(async (destination: string, options: OrganisationOptions) => {
      const client = await connect(context, options);
      const params = { organisation: organisationOf(options), destination };
      const sent = await client.testDestination({ params });
      const ended = await firstTry(context, client, { organisation: params.organisation, delivery: sent.id });
      if (ended.status !== "delivered") context.finish(EXIT.failed);
      if (options.json === true) return printJson(context, ended);
      if (ended.status === "delivered") printLine(context, `The test message arrived at ${destination}.`);
      else printDelivery(context, ended);
    });
}

async function firstTry(
  { signal }: CliContext,
  client: ReturnType<typeof createClient>,
  params: { organisation: string; delivery: string },
): Promise<DeliveryDetail> {
  const deadline = performance.now() + TEST_WAIT_MS;
  for (;;) {
    const found = await client.getDelivery({ params });
    const wasTried = found.status !== "pending" || found.tries.some(({ finishedAt }) => finishedAt !== null);
    if (wasTried || performance.now() > deadline) return found;
    await pause(TEST_POLL_MS, undefined, { signal });
  }
}
