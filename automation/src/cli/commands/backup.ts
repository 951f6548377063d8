import path from "node:path";
import { backUp } from "../../backup/backup.ts";
import { readStartConfig } from "../../config.ts";
import { readBackupPassphrase } from "../backup-passphrase.ts";
import { countLines, progressOn, sizeText } from "../backup-text.ts";
import { printJson, printLine } from "../output.ts";
import type { Register } from "../program.ts";

interface Options {
  readonly to: string;
  readonly passphraseFile?: string;
  readonly withoutKeys?: boolean;
  readonly withoutDependencies?: boolean;
  readonly verify: boolean;
  readonly json?: boolean;
}

export const register: Register = (program, context) => {
  program
    .command("backup")
    .description(
      "write the whole installation of this machine into one file: database with artifacts, keys, dependencies; Slipway may serve meanwhile",
    )
    .requiredOption(
      "--to <file>",
      "the file to write; one that is there is replaced once the new one is good",
    )
    .option("--passphrase-file <file>", "a file that holds the passphrase (else asked for on a terminal)")
    .option("--without-keys", "leave the key file out; without it the backup opens nothing")
    .option(
      "--without-dependencies",
      "leave installed dependencies out; a rollback after a restore then needs a registry",
    )
    .option("--no-verify", "do not read the file again and open everything in it")
    .option("--json", "print JSON instead of text")
    .action(async (options: Options) => {
      const passphrase = await readBackupPassphrase(context, { file: options.passphraseFile, isNew: true });
      const progress = progressOn(context);
      const report = await backUp(readStartConfig(context.env), {
        to: path.resolve(context.cwd, options.to),
        passphrase,
        withoutKeys: options.withoutKeys === true,
        withoutDependencies: options.withoutDependencies === true,
        verify: options.verify,
        onProgress: progress.tell,
      }).finally(progress.end);
      if (options.json === true) return printJson(context, report);
      const encrypted = report.encrypted ? "encrypted" : "NOT encrypted";
      const verified = report.verified ? "; read again and opened" : "; not read again";
      printLine(
        context,
        `${report.file}: ${sizeText(report.bytes)}, ${encrypted}${verified}, ${report.seconds} s.`,
      );
      for (const line of countLines(report.counts)) printLine(context, `  ${line}`);
      for (const { id, included } of report.wrappingKeys)
        printLine(
          context,
          `  key ${id}: ${included ? "in the file" : "NOT in the file; the restore needs it"}`,
        );
      for (const name of report.leftOut)
        printLine(context, `  dependencies ${name} were left out: links in them lead elsewhere`);
    });
};
