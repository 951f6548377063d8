import { CommanderError } from "commander";
import { expect, test } from "vitest";
import { tokenSource, usageOf } from "./command-line.ts";
import type { CliContext } from "./context.ts";

const unknownOption = new CommanderError(1, "commander.unknownOption", "error: unknown option '--server'");
const within = (env: CliContext["env"]) => ({ env }) as CliContext;

test("an option before the command is told to belong behind it", () => {
  const early = usageOf(unknownOption, ["--server", "http://127.0.0.1:1", "stacks", "list"], ["stacks"]);
  expect(early.remedy).toBe(
    "Options go behind the command: slipway stacks ... --server. See `slipway help stacks`.",
  );
  expect(usageOf(unknownOption, ["stacks", "--server"], ["stacks"]).remedy).toBe(
    "See `slipway help stacks`.",
  );
  expect(usageOf(unknownOption, ["--server"], ["stacks"]).remedy).toBe("See `slipway --help`.");
});

test("where a token came from is the option, the environment, or neither", () => {
  const both = within({ SLIPWAY_TOKEN: "x" });
  expect(tokenSource(["stacks", "list", "--token-file=a"], both)).toBe("--token-file");
  expect(tokenSource(["pulumi", "--", "--token-file", "a"], both)).toBe("SLIPWAY_TOKEN");
  expect(tokenSource(["stacks", "list"], within({}))).toBeNull();
});
