import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { schemaOf } from "../../infra/testing/provider-schema.ts";
import type { Declarations } from "../doubles/aws/provider/lifecycle.ts";
import { VERSION } from "../doubles/aws/provider/service.ts";
import { TRAITS } from "../doubles/aws/provider/traits.ts";

const MAIN = path.resolve(import.meta.dirname, "../doubles/aws/provider/main.ts");
const PACKAGE = path.dirname(createRequire(import.meta.url).resolve("@pulumi/aws/package.json"));

/**
 * Puts the stand-in for the provider `aws` where the CLI looks for plugins: below `pulumiHome`, in the folder of the version that @pulumi/aws asks for. It
 * acts on whatever AWS its environment and config name.
 */
export function installAwsProvider(pulumiHome: string): void {
  const folder = path.join(pulumiHome, "plugins", `resource-aws-v${VERSION}`);
  mkdirSync(folder, { recursive: true });
  const declared = path.join(folder, "declarations.json");
  writeFileSync(declared, JSON.stringify(declarations()));
  const program = path.join(folder, "pulumi-resource-aws");
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' '${declared}'\n`);
  chmodSync(program, 0o755);
}

function declarations(): Declarations {
  const types = Object.keys(TRAITS);
  return {
    schema: schemaOf(types),
    outputs: Object.fromEntries(types.map((type) => [type, outputsOf(type)])),
  };
}

/** Names of the outputs of a type, as its class declares them. */
function outputsOf(type: string): string[] {
  const [, module = "", resource = ""] = type.split(":");
  const [declared = ""] = readFileSync(path.join(PACKAGE, `${module}.d.ts`), "utf8").split(
    `export interface ${resource}State`,
  );
  return [...declared.matchAll(/^ {4}readonly (\w+): pulumi\.Output</gm)].map(([, name = ""]) => name);
}
