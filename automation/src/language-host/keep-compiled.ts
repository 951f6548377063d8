import { flushCompileCache } from "node:module";

/** By then a provider or a policy pack has loaded what it needs; one that ends earlier has little to keep. */
const LOADED_AFTER_MILLISECONDS = 1_000;

// Node writes its compile cache when it exits, and the engine ends plugins by a signal: each start would compile all of the SDK's servers anew.
setTimeout(() => flushCompileCache(), LOADED_AFTER_MILLISECONDS).unref();
