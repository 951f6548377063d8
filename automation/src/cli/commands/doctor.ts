import { readStartConfig } from "../../config.ts";
import { examine } from "../../doctor/examine.ts";
import { EXIT } from "../exit-codes.ts";
import { clean, painter, printJson, printLine } from "../output.ts";
import type { Register } from "../program.ts";

const SIGNS = { ok: ["green", "✓"], warn: ["yellow", "!"], fail: ["red", "✗"] } as const;

export const register: Register = (program, context) => {
  program
    .command("doctor")
    .description(
      "check this machine: versions, engine, database, disk, port, containment; changes and starts nothing",
    )
    .option("--json", "print JSON instead of text")
    .action(async (options: { json?: boolean }) => {
      const checks = await examine(readStartConfig(context.env), context.env);
      if (checks.some((check) => check.status === "fail")) context.finish(EXIT.failed);
      if (options.json === true) {
        printJson(context, checks);
        return;
      }
      const paint = painter(context);
      const width = Math.max(...checks.map((check) => check.name.length));
      for (const { name, status, detail, remedy } of checks) {
        const [colour, sign] = SIGNS[status];
        printLine(context, `${paint(colour, sign)} ${name.padEnd(width)}  ${clean(detail)}`);
        if (remedy !== undefined) printLine(context, `  ${" ".repeat(width)}  → ${clean(remedy)}`);
      }
    });
};
