import path from "node:path";
import { inspectBackup, restore } from "../../backup/restore.ts";
import { readStartConfig } from "../../config.ts";
import { readBackupPassphrase } from "../backup-passphrase.ts";
import { countLines, progressOn } from "../backup-text.ts";
import { printJson, printLine } from "../output.ts";
import type { Register } from "../program.ts";

interface Options {
  readonly from: string;
  readonly passphraseFile?: string;
  readonly check?: boolean;
  readonly withoutDependencies?: boolean;
  readonly json?: boolean;
}

export const register: Register = (program, context) => {
  program
    .command("restore")
    .description("put a backup into an empty installation on this machine: all of it, or nothing")
    .requiredOption("--from <file>", "the file that slipway backup wrote")
    .option("--passphrase-file <file>", "a file that holds the passphrase (else asked for on a terminal)")
    .option("--check", "only read the file and open everything in it; write nothing")
    .option("--without-dependencies", "leave installed dependencies out")
    .option("--json", "print JSON instead of text")
    .action(async (options: Options) => {
      const passphrase = await readBackupPassphrase(context, { file: options.passphraseFile, isNew: false });
      const config = readStartConfig(context.env);
      const from = path.resolve(context.cwd, options.from);
      const progress = progressOn(context);
      if (options.check === true) {
        const summary = await inspectBackup(config, { from, passphrase }).finally(progress.end);
        if (options.json === true) return printJson(context, summary);
        printLine(context, `${from} is good: made ${summary.createdAt} by Slipway ${summary.slipway}.`);
        for (const line of countLines(summary.counts)) printLine(context, `  ${line}`);
        return;
      }
      const report = await restore(config, {
        from,
        passphrase,
        withoutDependencies: options.withoutDependencies === true,
        onProgress: progress.tell,
      }).finally(progress.end);
      if (options.json === true) return printJson(context, report);
      printLine(context, `Restored ${from} of ${report.createdAt} in ${report.seconds} s.`);
      for (const line of countLines(report.counts)) printLine(context, `  ${line}`);
      const { interrupted, cancelled, updates, unreconciled } = report.ended;
      printLine(
        context,
        `  ended: ${interrupted} running, ${cancelled} waiting, ${updates} of the Pulumi CLI`,
      );
      printLine(
        context,
        `Stacks that refuse changes until their states were compared with what is there: ${unreconciled}. Start Slipway, then: slipway reconcile --all`,
      );
    });
};
