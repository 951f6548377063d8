import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Launch } from "../bed.ts";

/** A change to the text of a module below automation/src. */
export interface Patch {
  file: string;
  find: string;
  replace: string;
}

const SOURCE = path.resolve(import.meta.dirname, "../../../automation/src");

/** How a process is started with patches; `folder` keeps their file. */
export function patched(folder: string, name: string, patches: readonly Patch[]): Launch {
  const file = path.join(folder, `patches-${name}.json`);
  writeFileSync(file, JSON.stringify(patches));
  return {
    nodeArguments: ["--import", path.join(import.meta.dirname, "patching.ts")],
    env: { SLIPWAY_TEST_PATCHES: file },
  };
}

/** A guardian that neither looks at its deadline nor minds that its worker is gone. Answers the patch that puts it in the place of the real one. */
export function carelessGuardian(folder: string): Patch {
  let text = readFileSync(path.join(SOURCE, "guardian.ts"), "utf8");
  for (const find of ['void end("deadline");', 'orders.on("close", () => void end("lost-parent"));']) {
    if (!text.includes(find)) throw new Error(`the control does not fit guardian.ts any more: ${find}`);
    text = text.replace(find, "");
  }
  const file = path.join(folder, "careless-guardian.ts");
  writeFileSync(file, text);
  return {
    file: "engine/containment.ts",
    find: 'fileURLToPath(new URL("../guardian.ts", import.meta.url))',
    replace: JSON.stringify(file),
  };
}
