import { readFile } from "node:fs/promises";
import path from "node:path";
import type { Command } from "commander";
import { createClient } from "../../client/index.ts";
import { OrganisationName, ProjectName, StackName } from "../../contract/identifiers.ts";
import { messageOf } from "../../errors.ts";
import { connectionTo } from "../connection.ts";
import type { CliContext, CommonOptions, StackOptions } from "../context.ts";
import { EXIT } from "../exit-codes.ts";
import { usageError } from "../failure.ts";
import { withCommonOptions, withStackOptions } from "../options.ts";
import { clean, printJson, printLine, printTable } from "../output.ts";
import type { Register } from "../program.ts";
import { checked, chooseStack, DEFAULT_ORGANISATION, stackLabel } from "../stack-choice.ts";
import { exportStacks } from "../state/export-stacks.ts";
import { folderOfFileUrl } from "../state/file-source.ts";
import { type ImportReport, type StackReport, summaryOf } from "../state/import-report.ts";
import { importStacks } from "../state/import-stacks.ts";
import { openSource } from "../state/open-source.ts";
import { openPulumi } from "../state/own-pulumi.ts";
import { fetchState } from "../state/server-state.ts";
import { takeOverSecrets } from "../state/take-over-secrets.ts";

export const register: Register = (program, context) => {
  const state = program
    .command("state")
    .description("bring stacks from another Pulumi backend, and take them along");
  registerImport(state, context);
  registerExport(state, context);
};

interface ImportOptions extends CommonOptions {
  readonly from: string;
  readonly organisation: string;
  readonly project?: string;
  readonly stack?: string;
  readonly dryRun?: boolean;
  readonly force?: boolean;
  readonly passphraseFile?: string;
  readonly secretsProvider?: string;
}

function registerImport(state: Command, context: CliContext): void {
  withCommonOptions(state.command("import"))
    .description(
      "import all stacks of a file:// or s3:// backend with their history; importing again changes nothing",
    )
    .requiredOption(
      "--from <url>",
      "the backend, as in `pulumi login`: file://<folder> or s3://<bucket>/<prefix>",
    )
    .option("--organisation <name>", "the organisation that the stacks become part of", DEFAULT_ORGANISATION)
    .option("--project <name>", "only stacks of this project")
    .option("--stack <name>", "only stacks of this name")
    .option("--dry-run", "read and check everything, and say what would be done")
    .option("--force", "import stacks that are locked there, too")
    .option("--passphrase-file <file>", "refuse stacks whose passphrase is not the one in this file")
    .option(
      "--secrets-provider <provider>",
      "`service`: afterwards seal the secrets of passphrase stacks with Slipway's keys",
    )
    .action(async (options: ImportOptions) => {
      if (options.secretsProvider !== undefined) checkProvider(options);
      const passphrase =
        options.passphraseFile === undefined
          ? null
          : await readPassphrase(path.resolve(context.cwd, options.passphraseFile));
      const connection = await connectionTo(context, options);
      const source = await openSource(context, options.from);
      try {
        const imported = await importStacks(
          source,
          { client: createClient(connection), connection },
          {
            organisation: checked(OrganisationName, options.organisation),
            project: options.project === undefined ? null : checked(ProjectName, options.project),
            stack: options.stack === undefined ? null : checked(StackName, options.stack),
            dryRun: options.dryRun === true,
            force: options.force === true,
            passphrase,
          },
          { signal: context.signal, onStack: (label) => progress(context, label) },
        );
        const report =
          options.secretsProvider === undefined || passphrase === null || options.dryRun === true
            ? imported
            : await takeOverSecrets(context, connection, imported, passphrase);
        if (options.json === true) printJson(context, report);
        else printReport(context, report);
        if (report.stacks.some((one) => one.outcome === "refused")) context.finish(EXIT.refused);
      } finally {
        source.close();
      }
    });
}

function checkProvider({ secretsProvider, passphraseFile }: ImportOptions): void {
  if (secretsProvider !== "service")
    throw usageError(
      `The secrets provider ${JSON.stringify(secretsProvider)} is not known here.`,
      "Pass `service`, or leave it out to keep what each stack has.",
    );
  if (passphraseFile === undefined)
    throw usageError("Without the passphrase the secrets cannot be opened.", "Pass --passphrase-file too.");
}

async function readPassphrase(file: string): Promise<string> {
  const text = await readFile(file, "utf8").catch((thrown: unknown) => {
    throw usageError(
      `The file ${file} cannot be read: ${messageOf(thrown)}.`,
      "Name a file that holds the passphrase.",
    );
  });
  const passphrase = text.replace(/\r?\n$/, "");
  if (passphrase === "")
    throw usageError(`The file ${file} is empty.`, "It must hold the passphrase and nothing else.");
  return passphrase;
}

/** On a terminal only: a report that is piped on must not begin with other lines. */
function progress(context: CliContext, label: string): void {
  if (context.stderr.isTTY === true) context.stderr.write(`${clean(label)}\n`);
}

function printReport(context: CliContext, report: ImportReport): void {
  printTable(
    context,
    ["STACK", "RESULT", "UPDATES", "STATES", "RESOURCES", "SECRETS"],
    report.stacks.map((one) => [
      labelOf(one),
      one.outcome,
      String(one.updates),
      String(one.states),
      String(one.resources),
      one.secretsProvider ?? "none",
    ]),
    "No stack was chosen.",
  );
  for (const one of report.stacks) {
    if (one.reason !== null)
      printLine(context, clean(`${labelOf(one)}: ${one.reason} ${one.remedy ?? ""}`.trimEnd()));
    for (const note of one.notes) printLine(context, clean(`${labelOf(one)}: ${note}`));
  }
  printLine(context, summaryOf(report));
}

function labelOf({ project, stack }: Pick<StackReport, "project" | "stack">): string {
  return project === null ? stack : `${project}/${stack}`;
}

interface ExportOptions extends StackOptions {
  readonly to?: string;
  readonly all?: boolean;
  readonly organisation: string;
  readonly passphraseFile?: string;
}

function registerExport(state: Command, context: CliContext): void {
  withStackOptions(state.command("export"))
    .description(
      "print the state of a stack; with --to write stacks and their history as a backend that `pulumi login` can use",
    )
    .argument("[stack]", "instead of --stack")
    .option("--to <url>", "file://<folder>")
    .option("--all", "with --to: all stacks of the organisation")
    .option("--organisation <name>", "with --all: whose stacks", DEFAULT_ORGANISATION)
    .option(
      "--passphrase-file <file>",
      "with --to: seal secrets that Slipway has sealed with the passphrase in this file instead",
    )
    .action(async (given: string | undefined, options: ExportOptions) => {
      const connection = await connectionTo(context, options);
      const client = createClient(connection);
      if (options.all === true && options.to === undefined)
        throw usageError("--all writes files.", "Say where with --to file://<folder>.");
      const chosen =
        options.all === true
          ? null
          : await chooseStack(context, client, given === undefined ? options : { ...options, stack: given });
      if (options.to === undefined) {
        if (chosen !== null) printLine(context, await fetchState(connection, chosen, null, context.signal));
        return;
      }
      if (!options.to.startsWith("file://"))
        throw usageError(
          `${options.to} is not a folder.`,
          "Write it as file://<folder>; a bucket is filled from there.",
        );
      const folder = folderOfFileUrl(options.to, context.cwd);
      const organisation = checked(OrganisationName, options.organisation);
      const passphrase =
        options.passphraseFile === undefined
          ? null
          : await readPassphrase(path.resolve(context.cwd, options.passphraseFile));
      const pulumi = passphrase === null ? null : await openPulumi(context, connection, passphrase);
      const report = await exportStacks(
        { client, connection },
        { folder, organisation, only: chosen, pulumi },
        context.signal,
      ).finally(() => pulumi?.close());
      if (options.json === true) printJson(context, report);
      else {
        printTable(
          context,
          ["STACK", "RESULT", "UPDATES", "STATES", "SECRETS"],
          report.stacks.map((one) => [
            stackLabel(one),
            one.outcome,
            String(one.updates),
            String(one.states),
            one.secretsProvider ?? "none",
          ]),
          "The organisation has no stacks.",
        );
        for (const one of report.stacks)
          if (one.reason !== null)
            printLine(context, clean(`${stackLabel(one)}: ${one.reason} ${one.remedy ?? ""}`.trimEnd()));
        printLine(context, `Log in with: pulumi login file://${folder}`);
      }
      if (report.stacks.some((one) => one.outcome === "refused")) context.finish(EXIT.refused);
    });
}
