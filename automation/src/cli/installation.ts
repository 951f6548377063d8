import path from "node:path";
import type { CliContext } from "./context.ts";

/** The root of the clone that this CLI belongs to; SLIPWAY_ROOT names another. */
export function installationRoot(context: Pick<CliContext, "env">): string {
  return context.env.SLIPWAY_ROOT || path.resolve(import.meta.dirname, "../../..");
}

/** Where the server of this installation keeps its data: SLIPWAY_DATA_DIR, by default `.slipway` in the clone. */
export function dataDirectory(context: Pick<CliContext, "env">): string {
  return path.resolve(installationRoot(context), context.env.SLIPWAY_DATA_DIR || ".slipway");
}
