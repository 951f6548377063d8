import { readFile } from "node:fs/promises";
import { ProgramPins } from "../automation/src/contract/aws/shipment.ts";
import type { AwsConfig } from "./config.ts";

/** The versions that serve: those of the JSON file SLIPWAY_PINS; in a deployment by hand, without it, those of the config. None before the first release. */
export async function readPins(config: AwsConfig): Promise<ProgramPins> {
  const file = process.env.SLIPWAY_PINS;
  if (file !== undefined && file !== "") return ProgramPins.parse(JSON.parse(await readFile(file, "utf8")));
  return config["slipway:pins"] ?? {};
}
