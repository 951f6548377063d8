import { createHash } from "node:crypto";

/** What an installed set of dependencies is made from. */
export interface DependencyPlan {
  lockfileDigest: string;
  /** Folders of the npm workspaces to install; empty: all. */
  workspaces: readonly string[];
  /** `process.version` of the Node that will run them: packages with native code differ by it. */
  nodeVersion: string;
}

/** The installer's arguments. Install scripts never run: they would be code from a registry, outside of any build that the project declares. */
export function installerArguments(workspaces: readonly string[]): string[] {
  return [
    "npm",
    "ci",
    "--ignore-scripts",
    "--include=dev",
    "--no-audit",
    "--no-fund",
    "--prefer-offline",
    "--loglevel=error",
    ...workspaces.map((workspace) => `--workspace=${workspace}`),
    ...(workspaces.length === 0 ? [] : ["--include-workspace-root"]),
  ];
}

/** Folder name of a set in the dependency store: the first part says what is installed, the second for which Node. */
export function dependencyKey(plan: DependencyPlan): { what: string; folder: string } {
  const made = JSON.stringify([
    plan.lockfileDigest,
    installerArguments(plan.workspaces),
    process.platform,
    process.arch,
  ]);
  const what = createHash("sha256").update(made).digest("hex").slice(0, 40);
  return { what, folder: `${what}-node-${plan.nodeVersion}` };
}
