import type { CommanderError } from "commander";
import type { SlipwayError } from "../errors.ts";
import type { CliContext } from "./context.ts";
import type { TokenSource } from "./failure.ts";
import { usageError } from "./failure.ts";

/** Where the command line takes its token from, when it names that itself. */
export function tokenSource(argv: readonly string[], { env }: CliContext): TokenSource {
  if (optionsOf(argv).some((word) => word.split("=", 1)[0] === "--token-file")) return "--token-file";
  return env.SLIPWAY_TOKEN ? "SLIPWAY_TOKEN" : null;
}

/** What commander refused, as a sentence with where help is. `commands`: the names of all commands. */
export function usageOf(
  error: CommanderError,
  argv: readonly string[],
  commands: readonly string[],
): SlipwayError {
  // `slipway projects` alone prints its help; that is no error of a sentence, but it did nothing either.
  if (error.code === "commander.help") return usageError("No command was given.", "See `slipway --help`.");
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  const suggestion = rest
    .join(" ")
    .trim()
    .replace(/^\(|\)$/g, "");
  const at = argv.findIndex((word) => commands.includes(word));
  const command = argv[at];
  const help =
    command === undefined
      ? "See `slipway --help`."
      : `${orderOf(error, argv.slice(0, Math.max(0, at)), command)}See \`slipway help ${command}\`.`;
  const sentence = `${first.charAt(0).toUpperCase()}${first.slice(1)}`.replace(/\.?$/, ".");
  return usageError(sentence, suggestion === "" ? help : `${suggestion} ${help}`);
}

/** Commander takes an option before the command for one of the program, which has none: it then is unknown, although the command knows it. */
function orderOf({ code }: CommanderError, before: readonly string[], command: string): string {
  const option = before.find((word) => word.startsWith("-"));
  if (code !== "commander.unknownOption" || option === undefined) return "";
  return `Options go behind the command: slipway ${command} ... ${option}. `;
}

/** Whether the words before a `--` ask for JSON; also right for a command line that cannot be parsed. */
export function wantsJson(argv: readonly string[]): boolean {
  return optionsOf(argv).includes("--json");
}

/** The words before a `--`. */
function optionsOf(argv: readonly string[]): readonly string[] {
  const end = argv.indexOf("--");
  return end < 0 ? argv : argv.slice(0, end);
}
