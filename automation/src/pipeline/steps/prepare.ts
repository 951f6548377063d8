import { mkdir, writeFile } from "node:fs/promises";
import path from "node:path";
import { dependenciesMissing } from "../../dependencies/install.ts";
import { linkDependencies } from "../../dependencies/link.ts";
import { credentialsAmong, engineEnvironment } from "../../engine/environment.ts";
import { SlipwayError } from "../../errors.ts";
import { extractSource } from "../../sources/extract.ts";
import type { ProjectFiles } from "../../sources/project-files.ts";
import { readProjectFiles } from "../../sources/project-files.ts";
import { holdWhileDatabaseIsAway } from "../../state/hold.ts";
import type { AttemptRun, StepOutcome } from "../attempt-run.ts";
import { failureOf } from "../attempt-run.ts";
import { engineConfig } from "../engine-config.ts";
import { installDependencies } from "../install-dependencies.ts";
import { layOutPolicies } from "../lay-out-policies.ts";

/** Lays out the attempt's own copy of the source with its dependencies, config and environment. */
export async function prepare(run: AttemptRun): Promise<StepOutcome> {
  const { context, claim } = run;
  const sourceDigest = run.pinned?.sourceDigest ?? claim.sourceDigest;
  if (sourceDigest === null && claim.operation !== "detect-drift") {
    return {
      state: "failed",
      failure: { code: "source_invalid", detail: "the deployment has no source", remedy: null },
    };
  }
  const workDir = path.join(run.folder, "source");
  const home = path.join(run.folder, "home");
  const tmpDir = path.join(run.folder, "tmp");
  const pulumiHome = path.join(path.resolve(context.dataDir), "pulumi-home");
  try {
    const files =
      sourceDigest === null
        ? await bareProject(workDir, claim.project)
        : await holdWhileDatabaseIsAway(
            () => extractSource(context.artifacts, sourceDigest, workDir),
            run.stop,
          );
    refuseOtherProject(files, claim.project);
    await Promise.all([mkdir(home, { mode: 0o700 }), mkdir(tmpDir, { mode: 0o700 })]);
    await mkdir(pulumiHome, { recursive: true, mode: 0o700 });
    // The request laid the server's values over the source's own: what runs is what was recorded then.
    const stored = run.pinned?.config ?? claim.config;
    const { config, secrets, aws } = await holdWhileDatabaseIsAway(
      () => engineConfig(context.keyring, context.db, claim.stackId, stored),
      run.stop,
    );
    const detail = await provideDependencies(run, workDir, files);
    if (detail === "stopped") return { state: "stopped" };
    const policies = await layOutPolicies(run, workDir, files);
    if (policies === "stopped") return { state: "stopped" };
    if (policies !== null) run.results.policies = policies;
    const programPath = [
      path.join(workDir, "node_modules", ".bin"),
      ...context.enginePath,
      ...context.hostPath.split(path.delimiter).filter((folder) => folder !== ""),
    ];
    const compileCache = path.join(context.dataDir, "cache", "node");
    run.results.prepared = {
      workDir,
      files,
      config,
      secrets: [...secrets, ...credentialsAmong(context.engineVariables)],
      aws,
      commandEnvironment: {
        PATH: programPath.join(path.delimiter),
        HOME: home,
        TMPDIR: tmpDir,
        LANG: "C.UTF-8",
        NO_COLOR: "1",
        CI: "true",
        npm_config_update_notifier: "false",
        NODE_COMPILE_CACHE: compileCache,
      },
      engineEnvironment: engineEnvironment({
        backendUrl: context.serverUrl,
        pulumiHome,
        path: programPath,
        home,
        tmpDir,
        compileCache,
        extra: { ...context.engineVariables, SLIPWAY_KEEPER_SOCKET: context.keeperSocket() },
      }),
    };
    return detail === null ? { state: "succeeded" } : { state: "succeeded", detail };
  } catch (error) {
    // The runner is gone, which says nothing about the project: the attempt as a whole is told as lost.
    if (error instanceof SlipwayError && error.code === "containment_ended") throw error;
    return { state: "failed", failure: failureOf("prepare_failed", error) };
  }
}

/** Of a stack that only the Pulumi CLI deployed there is no source here; its state alone is looked at, and no program runs. */
async function bareProject(workDir: string, project: string): Promise<ProjectFiles> {
  await mkdir(workDir, { recursive: true, mode: 0o700 });
  await writeFile(path.join(workDir, "Pulumi.yaml"), `name: ${JSON.stringify(project)}\nruntime: nodejs\n`);
  return readProjectFiles(workDir);
}

/** Two projects with one name in Pulumi.yaml would share the state of equally named stacks. */
function refuseOtherProject(files: ProjectFiles, project: string): void {
  const { name } = files.pulumiProject;
  if (name === project) return;
  throw new SlipwayError("source_invalid", `Pulumi.yaml names the project '${name}', not '${project}'`, {
    remedy: `Register the folder as project '${name}', or correct the name in Pulumi.yaml.`,
  });
}

async function provideDependencies(
  run: AttemptRun,
  workDir: string,
  files: ProjectFiles,
): Promise<string | null | "stopped"> {
  const { context, claim } = run;
  const lockfileDigest = run.pinned === null ? claim.lockfileDigest : run.pinned.lockfileDigest;
  if (lockfileDigest === null) return null;
  const { workspaces } = files.manifest.install;
  const plan = { lockfileDigest, workspaces, nodeVersion: process.version };
  // A rollback and a promotion must not depend on a registry; a drift check may be made on a machine that has never deployed the stack.
  const repeatsRelease = claim.operation === "rollback" || claim.operation === "remediate-drift";
  if ((run.pinned !== null && repeatsRelease) || run.promoted !== null) {
    const folder = await context.dependencies.find(plan);
    if (folder !== undefined) {
      await linkDependencies(folder, workDir);
      return null;
    }
    // Another machine has deployed the release, or this one's store was lost: the lockfile still says what to get.
  }
  const runsProgram = claim.operation !== "destroy" && claim.operation !== "refresh";
  if (!runsProgram && !files.pulumiProject.hasOwnProvider) {
    // What was deployed can be taken away also when its registry is gone: nothing of the project runs for that.
    const folder = await context.dependencies.find(plan);
    if (folder !== undefined) await linkDependencies(folder, workDir);
    return null;
  }
  const provided = await installDependencies(run, plan, workDir, {
    whose: "dependencies",
    remedy: "Run npm ci in the project: the lockfile must match, and the registry must be reachable.",
    ...(run.pinned === null ? {} : { failed: (error) => dependenciesMissing(lockfileDigest, error) }),
  });
  if (provided === null) return "stopped";
  await linkDependencies(provided.folder, workDir);
  return provided.installed ? "installed dependencies" : null;
}
