import { readFileSync } from "node:fs";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { EXIT } from "../automation/src/cli/exit-codes.ts";
import { COMMANDS } from "../automation/src/cli/program.ts";
import { runSlipway, wholeProgram } from "./helpers/run-cli.ts";

const page = readFileSync(path.resolve(import.meta.dirname, "../docs/cli.md"), "utf8");

/** First cells of the rows of the table below a heading. */
function firstCells(heading: string): string[] {
  const section = page.split(`## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  return [...section.matchAll(/^\| `?([^|`]+?)`? \|/gm)].map((match) => match[1] ?? "").slice(1);
}

/** Every command that can be run, with its arguments, as the program itself has them. */
async function commandsOfTheProgram(): Promise<string[]> {
  const program = await wholeProgram();
  return program.commands.flatMap((command) => {
    const inner = command.commands.map((one) => `${command.name()} ${one.name()} ${argumentsOf(one)}`.trim());
    return inner.length > 0 ? inner : [`${command.name()} ${argumentsOf(command)}`.trim()];
  });
}

function argumentsOf(command: {
  registeredArguments: readonly { name(): string; required: boolean; variadic: boolean }[];
}) {
  return command.registeredArguments
    .map((one) => {
      const name = `${one.name()}${one.variadic ? "..." : ""}`;
      return one.required ? `<${name}>` : `[${name}]`;
    })
    .join(" ");
}

describe("the page about the command line", () => {
  test("names every command with its arguments, and none that does not exist", async () => {
    expect(firstCells("Commands").toSorted()).toEqual((await commandsOfTheProgram()).toSorted());
  });

  test("names every exit code, and none that does not exist", () => {
    expect(firstCells("Exit codes").map(Number)).toEqual(Object.values(EXIT).toSorted((a, b) => a - b));
  });

  test("names only options that some command has", async () => {
    const program = await wholeProgram();
    const all = program.commands.flatMap((one) => [one, ...one.commands]).flatMap((one) => one.options);
    const known = new Set([...all, ...program.options].map((option) => option.long));
    const named = [...page.matchAll(/(--[a-z][a-z-]+)/g)].map((match) => match[1] ?? "");
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((name) => !known.has(name))).toEqual([]);
  });
});

describe("help", () => {
  test("lists every command without loading them", async () => {
    const { printed, code } = await runSlipway(["--help"]);
    for (const name of Object.keys(COMMANDS)) expect(printed).toContain(`  ${name} `);
    expect(code).toBe(0);
  });

  test.each(Object.keys(COMMANDS))("`slipway help %s` prints its usage", async (name) => {
    const { printed, code } = await runSlipway(["help", name]);
    expect(printed).toContain(`Usage: slipway ${name}`);
    expect(code).toBe(0);
  });
});
