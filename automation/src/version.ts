import { readFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";

const Package = z.object({ version: z.string() });

/** The version of Slipway, as automation/package.json has it. */
export const version = Package.parse(
  JSON.parse(readFileSync(path.resolve(import.meta.dirname, "../package.json"), "utf8")),
).version;
