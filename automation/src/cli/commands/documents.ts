import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { Option } from "commander";
import { DocumentKind, type ReleaseDocument } from "../../contract/documents.ts";
import { commitFiles } from "../../documents/commit-files.ts";
import { connect } from "../connection.ts";
import type { CliContext, StackOptions } from "../context.ts";
import { usageError } from "../failure.ts";
import { positive } from "../numbers.ts";
import { withStackOptions } from "../options.ts";
import { printJson, printLine } from "../output.ts";
import type { Register } from "../program.ts";
import { chooseStack, stackLabel, withStackArgument } from "../stack-choice.ts";

interface Options extends StackOptions {
  readonly release?: number;
  readonly kind?: DocumentKind;
  readonly write?: string;
  readonly commit?: boolean;
}

export const register: Register = (program, context) => {
  withStackOptions(program.command("documents [stack]"))
    .description("print or write what is recorded of a release: summary, runbook, checklist, covered tasks")
    .option("--release <n>", "which one; left out: the newest", positive("--release"))
    .addOption(new Option("--kind <kind>", "this document alone").choices(DocumentKind.options))
    .option("--write <folder>", "write them there, one file each")
    .option("--commit", "with --write: commit these files to the git repository that the folder is in")
    .action((stack: string | undefined, options: Options) =>
      documents(context, withStackArgument(options, stack) as Options),
    );
};

async function documents(context: CliContext, options: Options): Promise<void> {
  if (options.commit === true && options.write === undefined)
    throw usageError("--commit needs --write.", "Name the folder that is committed: --write docs/releases.");
  const client = await connect(context, options);
  const stack = await chooseStack(context, client, options);
  const kinds = options.kind === undefined ? DocumentKind.options : [options.kind];
  const { release } = options;
  const first = await client.getDocument({
    params: { ...stack, kind: kinds[0] ?? "summary" },
    query: release === undefined ? {} : { release },
  });
  // A release that is made meanwhile would otherwise be half of them.
  const rest = await Promise.all(
    kinds
      .slice(1)
      .map((kind) => client.getDocument({ params: { ...stack, kind }, query: { release: first.release } })),
  );
  const made = [first, ...rest];
  const written = options.write === undefined ? [] : await write(context, options.write, made);
  const commit =
    options.commit === true
      ? await commitFiles(
          written,
          `Document release ${first.release} of ${stackLabel(stack)}`,
          context.signal,
        )
      : null;
  if (options.json === true) printJson(context, { documents: made, written, commit });
  else if (options.write === undefined) for (const { text } of made) printLine(context, text);
  else {
    for (const file of written) printLine(context, `Written: ${file}`);
    if (options.commit === true)
      printLine(context, commit === null ? "Nothing has changed." : `Committed: ${commit}`);
  }
}

async function write(
  context: CliContext,
  folder: string,
  made: readonly ReleaseDocument[],
): Promise<string[]> {
  const place = path.resolve(context.cwd, folder);
  await mkdir(place, { recursive: true });
  return Promise.all(
    made.map(async ({ fileName, text }) => {
      // The server names the file: it must not name another folder.
      const file = path.join(place, path.basename(fileName));
      await writeFile(file, text);
      return file;
    }),
  );
}
