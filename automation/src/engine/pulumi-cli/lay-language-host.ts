import { createHash, randomUUID } from "node:crypto";
import { chmod, cp, mkdir, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, join, relative, sep } from "node:path";
import { type InstalledPackage, installedPackages } from "../../language-host/packages.ts";

/** The programs that the CLI looks for beside itself or on the PATH, and the file of the host that each of them runs. */
const LAUNCHERS = [
  "pulumi-language-nodejs",
  "pulumi-resource-pulumi-nodejs",
  "pulumi-analyzer-policy",
] as const;

/** Name of the one launcher without which the CLI can run no Node program. */
export const LANGUAGE_HOST_NAME = LAUNCHERS[0];

/** What the host's own code imports; their dependencies follow. */
const HOST_PACKAGES = ["@grpc/grpc-js", "google-protobuf", "@pulumi/pulumi"];

/** Where to lay the language host and what it is made of. */
export interface LanguageHostPlan {
  /** The `automation` folder, whose bin/ and src/language-host/ are the host. */
  readonly sourceDir: string;
  /** Folder that receives `language-host-<digest>/`. Several versions can stand side by side. */
  readonly root: string;
  /** Folder that receives the launchers. */
  readonly binDir: string;
  /** Node binary that the launchers run; it has to outlive the folder of the sources. */
  readonly nodePath: string;
}

/**
 * Lays the Node language host, complete with its dependencies, so that it works without the sources it came from.
 * Returns the folder of the host. Idempotent, and safe when two do it at once: folders are made aside and renamed.
 */
export async function layLanguageHost(plan: LanguageHostPlan): Promise<string> {
  const sources = await hostSources(plan.sourceDir);
  const packages = await hostPackages(plan.sourceDir);
  const digest = await digestOf(plan.sourceDir, sources, packages);
  const folder = join(plan.root, `language-host-${digest}`);
  if (!(await isFolder(folder))) await layFolder(plan, folder, sources, packages);
  await mkdir(plan.binDir, { recursive: true });
  for (const name of LAUNCHERS) await layLauncher(plan, folder, name);
  return folder;
}

async function layFolder(
  plan: LanguageHostPlan,
  folder: string,
  sources: readonly string[],
  packages: readonly InstalledPackage[],
): Promise<void> {
  const aside = join(plan.root, `.language-host-${randomUUID()}`);
  try {
    await mkdir(aside, { recursive: true });
    for (const source of sources)
      await cp(join(plan.sourceDir, source), join(aside, source), { recursive: true });
    for (const installed of packages)
      await copyPackage(installed, join(aside, "node_modules", installed.name));
    const manifest = { name: "slipway-language-host", private: true, type: "module" };
    await writeFile(join(aside, "package.json"), `${JSON.stringify(manifest)}\n`);
    await rename(aside, folder);
  } catch (error) {
    await rm(aside, { recursive: true, force: true });
    // Another start laid the same digest first: its folder is as good as ours.
    if (!(await isFolder(folder))) throw error;
  }
}

async function layLauncher(plan: LanguageHostPlan, folder: string, name: string): Promise<void> {
  const path = join(plan.binDir, name);
  const text = launcherText(plan.nodePath, join(folder, "bin", `${name}.mjs`));
  if ((await readFile(path, "utf8").catch(() => undefined)) === text) return;
  const aside = join(plan.binDir, `.${name}-${randomUUID()}`);
  await writeFile(aside, text);
  await chmod(aside, 0o755);
  await rename(aside, path);
}

/** The launcher's script. It runs under the recorded Node, else under one on the PATH that can strip types. */
export function launcherText(nodePath: string, script: string): string {
  return `#!/bin/sh
node=${shellQuoted(nodePath)}
if [ ! -x "$node" ]; then
  node=$(command -v node) || { echo "Node 24 is needed and there is no node on the PATH" >&2; exit 1; }
  major=$("$node" -p 'process.versions.node.split(".")[0]')
  if [ "$major" -lt 24 ]; then
    echo "Node 24 is needed: $node is version $major, and ${shellEscaped(nodePath)} is gone" >&2
    exit 1
  fi
fi
exec "$node" ${shellQuoted(script)} "$@"
`;
}

function shellQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function shellEscaped(text: string): string {
  return text.replaceAll(/[\\"$`]/g, "\\$&");
}

async function hostSources(sourceDir: string): Promise<string[]> {
  const names = await readdir(join(sourceDir, "src", "language-host"));
  const code = names.filter((name) => name.endsWith(".ts") && !name.endsWith(".test.ts"));
  return [
    ...[...LAUNCHERS, "sdk-module"].map((name) => join("bin", `${name}.mjs`)),
    ...code.sort().map((name) => join("src", "language-host", name)),
  ];
}

async function hostPackages(sourceDir: string): Promise<InstalledPackage[]> {
  const require = createRequire(join(sourceDir, "package.json"));
  const packages: InstalledPackage[] = [];
  for (const name of HOST_PACKAGES) {
    const folder = dirname(require.resolve(`${name}/package.json`));
    const manifest: { version: string } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    packages.push({ name, version: manifest.version, folder, pulumi: {} });
    // Of the SDK only the protocol is needed, which has no dependencies but the other two.
    if (name === "@pulumi/pulumi") continue;
    packages.push(...(await installedPackages(folder, { deep: true, skipSdk: true, development: false })));
  }
  const byName = new Map(packages.map((installed) => [installed.name, installed]));
  return [...byName.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function copyPackage(installed: InstalledPackage, target: string): Promise<void> {
  const protocolOnly = installed.name === "@pulumi/pulumi";
  await cp(installed.folder, target, {
    recursive: true,
    dereference: true,
    async filter(source) {
      const path = relative(installed.folder, source);
      if (path === "" || path === "package.json") return true;
      const top = path.split(sep)[0] ?? "";
      if (top === "node_modules" || (protocolOnly && top !== "proto")) return false;
      return (await stat(source)).isDirectory() || /\.(c?js|json|proto)$/.test(path);
    },
  });
}

async function digestOf(
  sourceDir: string,
  sources: readonly string[],
  packages: readonly InstalledPackage[],
): Promise<string> {
  const hash = createHash("sha256");
  for (const source of sources) hash.update(`${source}\0`).update(await readFile(join(sourceDir, source)));
  for (const { name, version } of packages) hash.update(`${name}@${version}\0`);
  return hash.digest("hex").slice(0, 16);
}

async function isFolder(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined);
  return found?.isDirectory() ?? false;
}
