import { createHash } from "node:crypto";
import { mkdir, readFile, stat } from "node:fs/promises";
import path from "node:path";
import { unpackInto } from "../artifacts/archive.ts";
import { linkDependencies } from "../dependencies/link.ts";
import { messageOf, SlipwayError, systemCode } from "../errors.ts";
import { contentDigest, packConfig, reportingConfig } from "../policies/rules.ts";
import type { LiveRule, UsableOverride } from "../policies/store.ts";
import { readPolicySet, reportingRules, usableOverride } from "../policies/store.ts";
import type { ProjectFiles } from "../sources/project-files.ts";
import { holdWhileDatabaseIsAway } from "../state/hold.ts";
import type { AttemptRun } from "./attempt-run.ts";
import { installDependencies } from "./install-dependencies.ts";
import { targetOf } from "./local-target.ts";
import { stepsOf } from "./operations.ts";
import { tellUnasked } from "./policy-findings.ts";
import type { LaidPack, LaidPolicies, UnaskedPack } from "./policy-types.ts";

const REGISTRY =
  "Run npm ci in the pack's folder: its lockfile must match, and the registry must be reachable.";

/**
 * Reads the rules that the stack must satisfy now and lays out the packs among them and those of the project, with their dependencies. Null for an operation that no policy looks at, "stopped" when the
 * attempt stops meanwhile. Throws SlipwayError `policy_pack_unusable`: a pack that cannot be had stops the deployment.
 */
export async function layOutPolicies(
  run: AttemptRun,
  workDir: string,
  files: ProjectFiles,
): Promise<LaidPolicies | null | "stopped"> {
  const { claim, context, stop } = run;
  const { operation, options, operationVersion } = claim;
  if (!stepsOf(operation, options, operationVersion).includes("policy")) return null;
  const set = await holdWhileDatabaseIsAway(() => readPolicySet(context.db, claim.stackId), stop);
  const content = contentDigest({
    sourceDigest: run.pinned?.sourceDigest ?? claim.sourceDigest,
    configDigest: claim.configDigest,
    operation,
    options,
    targetRelease: claim.targetRelease,
    setDigest: set.digest,
  });
  const asked = { stackId: claim.stackId, deploymentId: claim.deploymentId, content };
  const override = await holdWhileDatabaseIsAway(() => usableOverride(context.db, asked), stop);
  const target = operation === "rollback" && claim.cause === "automatic-rollback" ? run.pinned : null;
  const reporting =
    target === null
      ? new Set<string>()
      : await holdWhileDatabaseIsAway(() => reportingRules(context.db, set, target.id), stop);
  // The engine of a destroy runs no program and takes no packs.
  const laid =
    operation === "destroy"
      ? { packs: [], unasked: [] }
      : await layOutPacks(run, workDir, files, { set, override, reporting });
  return laid === "stopped" ? "stopped" : { set, content, override, reporting, ...laid };
}

async function layOutPacks(
  run: AttemptRun,
  workDir: string,
  files: ProjectFiles,
  { set, override, reporting }: Pick<LaidPolicies, "set" | "override" | "reporting">,
): Promise<Pick<LaidPolicies, "packs" | "unasked"> | "stopped"> {
  const packs: LaidPack[] = [];
  const unasked: UnaskedPack[] = [];
  for (const rule of set.rules) {
    if (reporting.has(rule.id)) {
      const pack = await reportingPack(run, rule);
      if (pack === "stopped") return "stopped";
      if (pack !== null && "why" in pack) unasked.push(pack);
      else if (pack !== null) packs.push(pack);
      continue;
    }
    const pack = await fetchPack(run, rule, override);
    if (pack !== null) packs.push(pack);
  }
  const stackTarget = targetOf(run.pinned?.config ?? run.claim.config);
  for (const { path: folder, target, config } of files.manifest.policies) {
    if (target !== undefined && target !== stackTarget) continue;
    packs.push({
      path: path.join(workDir, folder),
      ruleId: null,
      name: folder,
      version: null,
      digest: null,
      overridable: false,
      config,
      passedOver: [],
    });
  }
  for (const pack of packs) {
    if (pack.ruleId !== null && reporting.has(pack.ruleId)) continue;
    if (!(await provideFor(run, pack))) return "stopped";
  }
  return { packs, unasked };
}

/** A pack that can stop nothing, or why it cannot be had, which stops nothing either; null for a rule without one. */
async function reportingPack(
  run: AttemptRun,
  rule: LiveRule,
): Promise<LaidPack | UnaskedPack | null | "stopped"> {
  try {
    const pack = await fetchPack(run, rule, undefined);
    if (pack === null) return null;
    if (!(await provideFor(run, pack))) return "stopped";
    return { ...pack, config: reportingConfig(pack.config) };
  } catch (error) {
    if (!(error instanceof SlipwayError) || error.code !== "policy_pack_unusable") throw error;
    return tellUnasked(run, "prepare", {
      ruleId: rule.id,
      name: rule.pack?.name ?? rule.kind,
      version: rule.pack?.version ?? null,
      why: error.message,
    });
  }
}

async function fetchPack(
  run: AttemptRun,
  rule: LiveRule,
  override: UsableOverride | undefined,
): Promise<LaidPack | null> {
  const { pack } = rule;
  if (pack === null) return null;
  const folder = path.join(run.folder, "policies", rule.id);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await holdWhileDatabaseIsAway(
      async () => unpackInto(await run.context.artifacts.read(pack.digest), folder),
      run.stop,
    );
  } catch (error) {
    throw unusable(`${pack.name} ${pack.version}`, messageOf(error), error);
  }
  const named = override?.findings.filter(({ ruleId }) => ruleId === rule.id) ?? [];
  const passedOver = rule.overridable ? [...new Set(named.map(({ policy }) => policy))] : [];
  return {
    path: folder,
    ruleId: rule.id,
    ...pack,
    overridable: rule.overridable,
    config: packConfig(rule, passedOver),
    passedOver,
  };
}

/** A pack with a lockfile of its own has its own dependencies; one of the project without takes the project's. False: the attempt stops. */
async function provideFor(run: AttemptRun, pack: LaidPack): Promise<boolean> {
  if (!(await isThere(path.join(pack.path, "PulumiPolicy.yaml")))) {
    throw unusable(pack.name, "it has no PulumiPolicy.yaml");
  }
  const lockfile = path.join(pack.path, "package-lock.json");
  if (!(await isThere(lockfile))) return true;
  const lockfileDigest = `sha256:${createHash("sha256")
    .update(await readFile(lockfile))
    .digest("hex")}`;
  const plan = { lockfileDigest, workspaces: [], nodeVersion: process.version };
  const provided = await installDependencies(run, plan, pack.path, {
    whose: `what the policy pack ${pack.name} needs`,
    remedy: REGISTRY,
    failed: (error) => unusable(pack.name, messageOf(error), error),
  });
  if (provided === null) return false;
  await linkDependencies(provided.folder, pack.path);
  return true;
}

function unusable(pack: string, why: string, cause?: unknown): SlipwayError {
  return new SlipwayError(
    "policy_pack_unusable",
    `The policy pack ${pack} cannot be used: ${why.replace(/\.?$/, ".")}`,
    {
      ...(cause === undefined ? {} : { cause }),
      remedy: `Nothing was changed. ${REGISTRY} An admin may end the rule that asks for it: slipway policies disable.`,
    },
  );
}

async function isThere(file: string): Promise<boolean> {
  try {
    return (await stat(file)).isFile();
  } catch (error) {
    if (systemCode(error) === "ENOENT" || systemCode(error) === "ENOTDIR") return false;
    throw error;
  }
}
