import { cpSync, readFileSync } from "node:fs";
import path from "node:path";
import { writeProject } from "./trivial-project.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "../..");

/**
 * Writes a project whose program is this repository's own infra/, with its stack `test` on AWS. `config`: lines below Pulumi.test.yaml's `config:`, which win
 * over those that are committed.
 */
export function writeInfraProject(
  folder: string,
  config: Readonly<Record<string, string>> = {},
  slipwayYaml = "gates: []\n",
): string {
  const committed = readFileSync(path.join(REPOSITORY, "Pulumi.test.yaml"), "utf8");
  const kept = committed
    .split("\n")
    .filter((line) => !Object.keys(config).some((key) => line.includes(`${key}:`)));
  const given = Object.entries(config).map(([key, value]) => `  ${key}: ${value}`);
  for (const part of ["infra", "automation/src/contract"]) {
    cpSync(path.join(REPOSITORY, part), path.join(folder, part), {
      recursive: true,
      filter: (from) => !from.includes("node_modules") && !from.endsWith(".test.ts"),
    });
  }
  return writeProject(
    folder,
    "slipway",
    {
      "Pulumi.yaml": readFileSync(path.join(REPOSITORY, "Pulumi.yaml"), "utf8"),
      "Pulumi.test.yaml": `${kept.join("\n").trimEnd()}\n${given.join("\n")}\n`,
      "slipway.yaml": slipwayYaml,
    },
    ["@pulumi/aws", "zod"],
  );
}
