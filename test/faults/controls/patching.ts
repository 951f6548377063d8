import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath } from "node:url";
import type { Patch } from "./patches.ts";

/*
 * Given to Node by --import: changes modules of the product as they are loaded, so that a trial can show what happens without a protection. The product
 * itself has no switch for it. A patch that does not fit its module any more ends the process: a control that changes nothing would prove nothing.
 */
const file = process.env.SLIPWAY_TEST_PATCHES ?? "";
const patches = JSON.parse(readFileSync(file, "utf8")) as Patch[];

registerHooks({
  load(url, context, next) {
    const loaded = next(url, context);
    if (!url.startsWith("file:")) return loaded;
    const place = fileURLToPath(url);
    const mine = patches.filter((one) => place.endsWith(`/automation/src/${one.file}`));
    if (mine.length === 0) return loaded;
    let source = String(loaded.source instanceof Uint8Array ? Buffer.from(loaded.source) : loaded.source);
    for (const { find, replace, file: name } of mine) {
      if (!source.includes(find)) {
        process.stderr.write(`the control does not fit ${name} any more: ${find}\n`);
        process.exit(1);
      }
      source = source.replaceAll(find, () => replace);
    }
    return { ...loaded, source };
  },
});
