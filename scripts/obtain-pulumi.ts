// Obtains the Pulumi CLI as a start would, so that what it costs is seen apart from what is tested with it.
import { resolvePulumi } from "../automation/src/engine/pulumi-cli/resolve.ts";
import { messageOf, SlipwayError } from "../automation/src/errors.ts";

const REPEAT_AFTER_MS = 15_000;
let saidAt = 0;

try {
  const found = await resolvePulumi({
    env: process.env,
    nodePath: process.execPath,
    onProgress: (_step, detail) => {
      if (performance.now() - saidAt < REPEAT_AFTER_MS) return;
      saidAt = performance.now();
      console.log(detail);
    },
  });
  console.log(`Pulumi ${found.version} (${found.source}), language host: ${found.languageHost}`);
} catch (error) {
  console.error(messageOf(error));
  if (error instanceof SlipwayError && error.remedy !== undefined) console.error(error.remedy);
  process.exitCode = 1;
}
