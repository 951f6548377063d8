import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

const PROGRAM = `import pulumi from "@pulumi/pulumi";

const config = new pulumi.Config();
const round = config.require("round");

class Item extends pulumi.ComponentResource {
  constructor(name, args) {
    super("bench:index:Item", name, args);
    this.registerOutputs(args);
  }
}

for (let index = 0; index < config.requireNumber("resources"); index += 1) new Item("item-" + index, { round });
`;

/**
 * Writes a program of components without a provider, each of which changes when config `round` does, with a lock file and
 * installed dependencies. `name` is the Pulumi project.
 */
export async function writeProgram(folder: string, name: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, "Pulumi.yaml"),
    `name: ${name}\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n`,
  );
  await writeFile(
    join(folder, "package.json"),
    JSON.stringify({
      name,
      private: true,
      type: "module",
      main: "index.js",
      dependencies: { "@pulumi/pulumi": "3.250.0" },
    }),
  );
  await writeFile(join(folder, "index.js"), PROGRAM);
  await writeFile(join(folder, ".gitignore"), "node_modules/\n");
  await run("npm", ["install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: folder,
  });
}
