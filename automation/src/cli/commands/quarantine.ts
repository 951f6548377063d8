import { formatAge } from "../../client/formats.ts";
import type { Quarantine } from "../../contract/releases.ts";
import { connect } from "../connection.ts";
import type { StackOptions } from "../context.ts";
import { positive } from "../numbers.ts";
import { withStackOptions } from "../options.ts";
import { printJson, printLine, printList } from "../output.ts";
import { allPages } from "../pages.ts";
import type { Register } from "../program.ts";
import { chooseStack, stackLabel } from "../stack-choice.ts";

interface ListOptions extends StackOptions {
  readonly all?: boolean;
  readonly limit: number;
}
/** Digits of a digest that people compare. */
const SHORT = 10;

export const register: Register = (program, context) => {
  const quarantine = program
    .command("quarantine")
    .description(
      "sources with their config that a stack refuses: their release failed, they crashed their workers, or somebody said so",
    );

  withStackOptions(quarantine.command("list"))
    .description("list the sources that the stack refuses, newest first, and why")
    .option("--all", "also those that were lifted")
    .option("--limit <n>", "how many", positive("--limit"), 20)
    .action(async (options: ListOptions) => {
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, options);
      const lifted = options.all === true ? "true" : "false";
      const found = await allPages(
        (page) => client.listQuarantines({ params: stack, query: { ...page, lifted } }),
        options.limit,
      );
      printList(context, options, found, {
        heading: ["ID", "SOURCE", "CONFIG", "WHEN", "LIFTED", "WHY"],
        row: (one, now) => [
          one.id,
          shortOf(one.sourceDigest),
          shortOf(one.configDigest),
          formatAge(one.createdAt, now),
          one.liftedAt === null ? "" : `by ${one.liftedBy ?? "somebody"}, ${formatAge(one.liftedAt, now)}`,
          one.reason,
        ],
        empty: "The stack refuses no source.",
      });
    });

  withStackOptions(quarantine.command("set"))
    .description("let the stack refuse the source and config of a release, by hand; audited")
    .argument("<release>", "its number", positive("release"))
    .requiredOption("--reason <text>", "why; whoever deploys it reads this")
    .action(async (release: number, options: StackOptions & { readonly reason: string }) => {
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, options);
      const { reason } = options;
      const set = await client.setQuarantine({ params: stack, body: { release, reason } });
      if (options.json === true) printJson(context, set);
      else {
        printLine(context, `${stackLabel(stack)} refuses what release ${release} was made of: ${set.reason}`);
        for (const reader of set.readers) printLine(context, `Its outputs were read by ${reader}.`);
      }
    });

  withStackOptions(quarantine.command("lift"))
    .description("let a source with its config be deployed on the stack again; audited")
    .argument("<id>", "as the list shows it")
    .requiredOption("--reason <text>", "why it may run again; kept in the audit")
    .action(async (id: string, options: StackOptions & { readonly reason: string }) => {
      const client = await connect(context, options);
      const stack = await chooseStack(context, client, options);
      const lifted: Quarantine = await client.liftQuarantine({
        params: { ...stack, quarantine: id },
        body: { reason: options.reason },
      });
      if (options.json === true) printJson(context, lifted);
      else
        printLine(
          context,
          `${stackLabel(stack)} takes source ${shortOf(lifted.sourceDigest)} with config ${shortOf(lifted.configDigest)} again.`,
        );
    });
};

function shortOf(digest: string): string {
  return digest.slice("sha256:".length).slice(0, SHORT);
}
