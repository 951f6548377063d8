import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { z } from "zod";

const root = path.resolve(import.meta.dirname, "../..");
const SDK = "@pulumi/pulumi";
/** One name for all: projects with the same lock share one installation of their dependencies. */
const PACKAGE = { name: "trivial" };

/** A program of one component without a provider, that exports `version` and says what it is told to. */
export function program(version: string, more = ""): string {
  return `import pulumi from "${SDK}";

${more}
const component = new pulumi.ComponentResource("trivial:index:Thing", "thing", { version: "${version}" });
export const version = "${version}";
export const urn = component.urn;
`;
}

/**
 * Writes a small Pulumi project, with a lock file whose packages are those of this repository (so that npm has them already). `packages` are those that the
 * program needs besides the SDK.
 */
export function writeProject(
  folder: string,
  name: string,
  files: Readonly<Record<string, string>> = {},
  packages: readonly string[] = [],
): string {
  const dependencies = Object.fromEntries(
    [SDK, ...packages].map((one) => [one, readLock().packages[`node_modules/${one}`]?.version ?? ""]),
  );
  const all: Record<string, string> = {
    "Pulumi.yaml": `name: ${name}\nruntime:\n  name: nodejs\n  options:\n    typescript: false\n`,
    "package.json": JSON.stringify({
      ...PACKAGE,
      private: true,
      type: "module",
      main: "index.js",
      dependencies,
    }),
    "package-lock.json": JSON.stringify(lockOf(dependencies)),
    "index.js": program("v1"),
    ...files,
  };
  mkdirSync(folder, { recursive: true });
  for (const [file, text] of Object.entries(all)) writeFileSync(path.join(folder, file), text);
  return folder;
}

const Package = z.looseObject({
  version: z.string().optional(),
  dependencies: z.record(z.string(), z.string()).optional(),
  optionalDependencies: z.record(z.string(), z.string()).optional(),
  peerDependencies: z.record(z.string(), z.string()).optional(),
  peerDependenciesMeta: z.record(z.string(), z.looseObject({ optional: z.boolean().optional() })).optional(),
});
const Lock = z.looseObject({ lockfileVersion: z.int(), packages: z.record(z.string(), Package) });

function readLock(): z.infer<typeof Lock> {
  return Lock.parse(JSON.parse(readFileSync(path.join(root, "package-lock.json"), "utf8")));
}

function lockOf(dependencies: Readonly<Record<string, string>>): unknown {
  const { lockfileVersion, packages } = readLock();
  const taken: Record<string, unknown> = { "": { ...PACKAGE, dependencies } };
  const waiting = Object.keys(dependencies).map((one) => `node_modules/${one}`);
  for (let place = waiting.pop(); place !== undefined; place = waiting.pop()) {
    const found = packages[place];
    if (found === undefined || place in taken) continue;
    taken[place] = found;
    const peers = Object.keys(found.peerDependencies ?? {}).filter(
      (peer) => found.peerDependenciesMeta?.[peer]?.optional !== true,
    );
    const wanted = { ...found.dependencies, ...found.optionalDependencies };
    for (const one of [...Object.keys(wanted), ...peers]) waiting.push(resolve(packages, place, one));
  }
  return { ...PACKAGE, lockfileVersion, requires: true, packages: taken };
}

/** Where Node finds a package from another one: its own node_modules, else those of the folders above. */
function resolve(packages: Readonly<Record<string, unknown>>, from: string, name: string): string {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))) {
    const place = folder === "" ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (place in packages || folder === "") return place;
  }
}
