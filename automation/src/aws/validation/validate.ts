import { readFile } from "node:fs/promises";
import {
  chosenGroups,
  type ValidationCheck,
  type ValidationGroup,
  type ValidationReport,
} from "../../contract/aws/validation.ts";
import { messageOf, SlipwayError } from "../../errors.ts";
import type { AwsContext, PartOutcome, TaskOutcome } from "../task.ts";
import type { ValidateInput } from "../task-request.ts";
import { apiChecks } from "./api.ts";
import { certificateChecks } from "./certificates.ts";
import { type PlannedCheck, runCheck } from "./check.ts";
import { dataStoreChecks } from "./data-stores.ts";
import { dnsChecks } from "./dns.ts";
import { frontendChecks } from "./frontend.ts";
import { monitoringChecks } from "./monitoring.ts";
import { lineOf, summaryOf } from "./report-text.ts";
import { createRequester } from "./request.ts";
import type { Scope } from "./scope.ts";
import { smokeChecks } from "./smoke.ts";

/** The checks of each group, without looking yet. */
const PLANS: Readonly<Record<ValidationGroup, (scope: Scope) => readonly PlannedCheck[]>> = {
  dns: dnsChecks,
  certificates: certificateChecks,
  api: apiChecks,
  "data-stores": dataStoreChecks,
  frontend: frontendChecks,
  smoke: smokeChecks,
  monitoring: (scope) => monitoringChecks(scope),
};

/** Groups whose checks are steps: one begins when the one before has ended. The checks of the others run side by side. */
const STEPWISE: ReadonlySet<ValidationGroup> = new Set(["smoke"]);
const CLEAN_UP_LIMIT_MS = 30_000;

/**
 * Looks at a deployed AWS stack and reports every check of the chosen groups. Has succeeded as soon as there is a report, whatever it says. Nothing is changed but
 * what the smoke group makes and removes again, and one test alert. A check that cannot be made is a failed one. Throws `validation_settings` for settings that
 * cannot be used, and the signal's reason when it is aborted.
 */
export async function validate(
  { manifest, choice, settings, deployedAt }: ValidateInput,
  context: AwsContext,
  now: () => Date = () => new Date(),
): Promise<TaskOutcome<ValidationReport>> {
  const extraCa = await readCa(settings.extraCaFile);
  const scope: Scope = {
    manifest,
    settings,
    deployedAt: new Date(deployedAt),
    context,
    now,
    request: createRequester({ extraCa, connectTo: settings.connectTo, signal: context.signal }),
    extraCa,
  };
  const startedAt = now();
  const groups = chosenGroups(choice);
  const checks: ValidationCheck[] = [];
  const parts: PartOutcome[] = [];
  for (const group of groups) {
    const start = performance.now();
    const found = await runGroup(group, scope);
    for (const one of found) context.tell(lineOf(one));
    checks.push(...found);
    parts.push(partOf(group, found, Math.round(performance.now() - start)));
  }
  const result = reportOf(scope, groups, checks, startedAt, now());
  context.tell(summaryOf(result));
  return { state: "succeeded", parts, result };
}

async function runGroup(group: ValidationGroup, scope: Scope): Promise<ValidationCheck[]> {
  const planned = PLANS[group](scope);
  const { signal, tell } = scope.context;
  if (!STEPWISE.has(group)) return Promise.all(planned.map((one) => runCheck(group, one, signal)));
  const found: ValidationCheck[] = [];
  try {
    for (const one of planned) found.push(await runCheck(group, one, signal));
  } catch (thrown) {
    // Stopped half-way: what was made is removed all the same.
    const stop = AbortSignal.timeout(CLEAN_UP_LIMIT_MS);
    for (const one of planned.slice(found.length).filter(({ isCleanUp }) => isCleanUp === true))
      tell(lineOf(await runCheck(group, one, stop)));
    throw thrown;
  }
  return found;
}

function partOf(group: ValidationGroup, found: readonly ValidationCheck[], durationMs: number): PartOutcome {
  const bad = found.filter((one) => one.state === "failed");
  return {
    part: group,
    state: bad.length === 0 ? "succeeded" : "failed",
    detail: bad.length === 0 ? `${found.length} checks` : bad.map(({ check }) => check).join(", "),
    durationMs,
  };
}

function reportOf(
  { manifest, deployedAt }: Scope,
  groups: ValidationGroup[],
  checks: ValidationCheck[],
  startedAt: Date,
  finishedAt: Date,
): ValidationReport {
  const count = (state: ValidationCheck["state"]) => checks.filter((one) => one.state === state).length;
  const counts = {
    passed: count("passed"),
    failed: count("failed"),
    notApplicable: count("not-applicable"),
  };
  return {
    state: counts.failed === 0 ? "passed" : "failed",
    environment: manifest.environment,
    region: manifest.region,
    deployedAt: deployedAt.toISOString(),
    startedAt: startedAt.toISOString(),
    finishedAt: finishedAt.toISOString(),
    groups,
    counts,
    checks,
  };
}

async function readCa(file: string | null): Promise<string | null> {
  if (file === null) return null;
  try {
    return await readFile(file, "utf8");
  } catch (thrown) {
    throw new SlipwayError(
      "validation_settings",
      `The certificates in ${file} cannot be read: ${messageOf(thrown)}`,
      { cause: thrown, remedy: "Name a file of certificates in PEM that this user can read." },
    );
  }
}
