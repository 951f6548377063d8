import type { Database } from "../database.ts";
import { changedOutputs } from "../seals/plan-file.ts";
import { FUNCTION_TYPE, hasManifest } from "../shipments/rules.ts";
import { servingArtifacts } from "../shipments/store.ts";
import { currentFacts } from "../state/current-facts.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { preparedOf } from "./attempt-run.ts";
import { stepsOf } from "./operations.ts";

/** Says what functions and files are put into. */
const MANIFEST_OUTPUT = "manifest";
/** What a file of a site is to AWS's provider. */
const FILE_TYPE = "aws:s3/object:Object";

/**
 * Types of what the step `ship` will put in place of what serves: nothing for what serves already. A preview tells nothing of it, since the code of functions and the files of a site are not
 * Pulumi's; without this a release that brings code alone would change nothing in the eyes of the rules that ask for votes.
 */
export async function shippedTypes(run: AttemptRun, db: Database): Promise<string[]> {
  const { claim, context, results } = run;
  if (!stepsOf(claim.operation, claim.options, claim.operationVersion).includes("ship")) return [];
  const shipped = Object.entries(preparedOf(run).files.manifest.services).filter(
    ([, service]) => (service.functions ?? service.site) !== undefined,
  );
  if (shipped.length === 0) return [];
  const serving = await servingArtifacts(db, claim.stackId);
  if (serving === undefined) {
    const current = await currentFacts(db, context.keyring, claim.stackId);
    if (!hasManifest(current?.facts.outputs ?? {})) return [];
  }
  const plan = results.previewed?.plan ?? null;
  // The same functions elsewhere are a change too.
  const elsewhere = plan !== null && changedOutputs(plan).includes(MANIFEST_OUTPUT);
  const types = shipped.flatMap(([name, service]) => {
    const digest = results.artifacts.find((one) => one.name === name)?.digest;
    if (digest === undefined || (digest === serving?.get(name) && !elsewhere)) return [];
    return [
      ...(service.functions === undefined ? [] : [FUNCTION_TYPE]),
      ...(service.site === undefined ? [] : [FILE_TYPE]),
    ];
  });
  return [...new Set(types)];
}
