import type { Command } from "commander";

/** Adds what every command takes. */
export function withCommonOptions(command: Command): Command {
  return command
    .option("--json", "print JSON instead of text")
    .option("--server <url>", "the server to speak to")
    .option("--token-file <file>", "a file that holds the token");
}

/** Adds what every command about one stack takes. */
export function withStackOptions(command: Command): Command {
  return withCommonOptions(
    command.option(
      "-s, --stack <stack>",
      "[organisation/]project/stack; a bare stack is one of this folder's project",
    ),
  );
}

/** For an option that may be given several times. */
export function collect(value: string, before: readonly string[] | undefined): string[] {
  return [...(before ?? []), value];
}
