import { mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { REPOSITORY } from "./installation.ts";

/** Project of every stack of the bench: one name, so that states of different backends can be compared. */
export const PROJECT = "bench-state";
export const STACK = "bench";
/** How many resources the program makes. */
export const COUNT_VARIABLE = "BENCH_RESOURCES";
/** For how many seconds the program spreads them; 0: as fast as they go. */
export const SECONDS_VARIABLE = "BENCH_SECONDS";

/**
 * Resources that the engine keeps itself, without a provider. A text of 1,080 characters, half of it noise, is in each state three times (an input and two
 * outputs): 4 KB with the rest.
 */
const PROGRAM = `import { createHash } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import pulumi from "@pulumi/pulumi";

const NOISE = 540;
function noise(index) {
  let text = "";
  for (let part = 0; text.length < NOISE; part += 1) text += createHash("sha512").update(index + "." + part).digest("base64");
  return text.slice(0, NOISE);
}
const filler = "what every second byte of a state looks like: names, tags and defaults; ".repeat(12).slice(0, NOISE);
const count = Number(process.env.${COUNT_VARIABLE});
const pauseMs = (Number(process.env.${SECONDS_VARIABLE} ?? 0) * 1000) / count;
for (let index = 0; index < count; index += 1) {
  new pulumi.Stash("item-" + index, { input: noise(index) + filler });
  if (pauseMs > 0) await sleep(pauseMs);
}
`;

/** Writes the program into a folder of its own, where packages of this repository are found. */
export async function writeStateProgram(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await writeFile(
    join(folder, "Pulumi.yaml"),
    `name: ${PROJECT}\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n`,
  );
  await writeFile(
    join(folder, "package.json"),
    JSON.stringify({
      name: PROJECT,
      private: true,
      type: "module",
      main: "index.js",
      dependencies: { "@pulumi/pulumi": "3.250.0" },
    }),
  );
  await writeFile(join(folder, "index.js"), PROGRAM);
  await symlink(join(REPOSITORY, "node_modules"), join(folder, "node_modules"));
}
