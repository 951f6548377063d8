import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** The parts of a package.json that matter here. */
interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly dependencies: readonly string[];
  readonly developmentDependencies: readonly string[];
  readonly pulumi: Readonly<Record<string, unknown>>;
}

/** A package that a program can import, as installed. */
export interface InstalledPackage {
  readonly name: string;
  readonly version: string;
  readonly folder: string;
  /** The manifest's `pulumi` key: which provider plugin the package needs. Empty for other packages. */
  readonly pulumi: Readonly<Record<string, unknown>>;
}

/** The SDK depends on no package with a provider plugin, and has some two hundred dependencies. */
const SDK_PACKAGE = "@pulumi/pulumi";

/**
 * Lists the packages that a program depends on, in Node's own way of looking: nearest node_modules upwards. Missing
 * packages are left out, as optional ones may be. `deep` follows dependencies of dependencies; `skipSdk` does not look
 * into the SDK's own.
 */
export async function installedPackages(
  programDirectory: string,
  options: { deep: boolean; skipSdk: boolean; development: boolean },
): Promise<InstalledPackage[]> {
  const root = await nearestManifest(programDirectory);
  if (root === undefined) return [];
  const found = new Map<string, InstalledPackage>();
  const names = [
    ...root.manifest.dependencies,
    ...(options.development ? root.manifest.developmentDependencies : []),
  ];
  let pending = names.map((name) => ({ name, from: root.folder }));
  while (pending.length > 0) {
    const resolved = await Promise.all(pending.map(({ name, from }) => findPackage(name, from)));
    pending = [];
    for (const entry of resolved) {
      if (entry === undefined || found.has(entry.folder)) continue;
      const { manifest, folder } = entry;
      found.set(folder, { name: manifest.name, version: manifest.version, folder, pulumi: manifest.pulumi });
      if (!options.deep || (options.skipSdk && manifest.name === SDK_PACKAGE)) continue;
      pending.push(...manifest.dependencies.map((name) => ({ name, from: folder })));
    }
  }
  return [...found.values()].sort((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : 0));
}

type Located = { manifest: Manifest; folder: string };

async function nearestManifest(start: string): Promise<Located | undefined> {
  for (const folder of upwards(start)) {
    const manifest = await readManifest(folder);
    if (manifest !== undefined) return { manifest, folder };
  }
  return undefined;
}

async function findPackage(name: string, from: string): Promise<Located | undefined> {
  for (const folder of upwards(from)) {
    const candidate = join(folder, "node_modules", name);
    const manifest = await readManifest(candidate);
    if (manifest !== undefined) return { manifest, folder: candidate };
  }
  return undefined;
}

function* upwards(start: string): Generator<string> {
  for (let folder = start, parent = dirname(start); ; folder = parent, parent = dirname(parent)) {
    yield folder;
    if (parent === folder) return;
  }
}

async function readManifest(folder: string): Promise<Manifest | undefined> {
  let text: string;
  try {
    text = await readFile(join(folder, "package.json"), "utf8");
  } catch {
    // No package here, or none that can be read: the search goes on one folder up.
    return undefined;
  }
  const parsed: unknown = JSON.parse(text);
  const manifest = asRecord(parsed);
  return {
    name: String(manifest.name ?? ""),
    version: String(manifest.version ?? ""),
    dependencies: [
      ...Object.keys(asRecord(manifest.dependencies)),
      ...Object.keys(asRecord(manifest.optionalDependencies)),
    ],
    developmentDependencies: Object.keys(asRecord(manifest.devDependencies)),
    pulumi: asRecord(manifest.pulumi),
  };
}

/** The value as an object with string keys; an empty one for anything else. */
export function asRecord(value: unknown): Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : {};
}
