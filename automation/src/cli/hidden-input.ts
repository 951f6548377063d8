import { SlipwayError } from "../errors.ts";
import type { CliContext } from "./context.ts";
import { usageError } from "./failure.ts";

/** A line or a file fed through a pipe may be this long. */
const MAX_INPUT_BYTES = 1_048_576;

/** A secret: typed unseen on a terminal, else all of standard input without its last line break. */
export async function readHidden(context: CliContext, question: string): Promise<string> {
  if (context.stdin.isTTY !== true) return readInput(context);
  const { password, isCancel } = await import("@clack/prompts");
  const answer = await password({ message: question, signal: context.signal });
  if (isCancel(answer)) throw new SlipwayError("interrupted", "Nothing was changed.");
  return answer;
}

/** Everything on standard input, without its last line break. */
export async function readInput(context: CliContext): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of context.stdin as AsyncIterable<Buffer | string>) {
    const bytes = Buffer.from(part);
    size += bytes.length;
    if (size > MAX_INPUT_BYTES)
      throw usageError("Standard input is over 1 MiB.", "Feed only the value itself.");
    parts.push(bytes);
  }
  return Buffer.concat(parts)
    .toString("utf8")
    .replace(/\r?\n$/, "");
}

/** Asks for yes on a terminal; in a pipe there is nobody to ask, so the command line must say it with `flag`. */
export async function confirmed(context: CliContext, question: string, flag: string): Promise<boolean> {
  if (context.stdin.isTTY !== true || context.stdout.isTTY !== true)
    throw usageError("There is no terminal to ask for confirmation on.", `Pass ${flag} to go on without.`);
  const { confirm, isCancel } = await import("@clack/prompts");
  const answer = await confirm({ message: question, initialValue: false, signal: context.signal });
  return !isCancel(answer) && answer;
}
