import { registerHooks } from "node:module";

const LATER = new URL("operation-lists.ts", import.meta.url).href;

/* Makes the process that is started with --import of this file one of a later program: it has other lists of steps. */
registerHooks({
  resolve(specifier, context, next) {
    const found = next(specifier, context);
    const isLists = found.url.endsWith("/automation/src/pipeline/operation-lists.ts");
    return isLists && context.parentURL !== LATER ? { ...found, url: LATER } : found;
  },
});
