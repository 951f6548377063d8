import { createRequire } from "node:module";

/*
 * Loaded into every program before the SDK. Spares what the SDK does at each start or for each resource and almost no program needs (docs/decisions/0037).
 * What cannot be found, in an SDK of another version perhaps, stays as the SDK has it.
 */
const sdk = createRequire(process.argv[1] ?? import.meta.url);
// Both serve closures that are sent elsewhere: one reads their packages, the other parses them. Half of what loading the SDK takes.
for (const name of ["@npmcli/arborist", "../../typescript-shim"]) loadWhenAsked(name);
leaveFramesOfPackagesAsTheyAre();

/** Puts a stand-in where `require` looks for a module first. It becomes the module at the first question. */
function loadWhenAsked(name: string): void {
  const file = resolved(name);
  if (file === undefined || sdk.cache[file] !== undefined) return;
  let loaded: object | undefined;
  const real = (): object => {
    if (loaded === undefined) {
      Reflect.deleteProperty(sdk.cache, file);
      loaded = sdk(file) as object;
    }
    return loaded;
  };
  const exports = new Proxy(function standIn() {}, {
    // The SDK copies every property of a module that is not marked as such, which would load it.
    get: (_, key) => (key === "__esModule" ? true : key === "default" ? real() : Reflect.get(real(), key)),
    has: (_, key) => Reflect.has(real(), key),
    construct: (_, given) => Reflect.construct(real() as new (...given: unknown[]) => object, given),
  });
  const standIn: Partial<NodeJS.Module> = { id: file, filename: file, loaded: true, exports, children: [] };
  sdk.cache[file] = standIn as NodeJS.Module;
}

/**
 * The SDK notes a stack for each promise that it makes, and source-map-support looks for a map of every file in it: those of packages are read and parsed, megabytes of them, and name lines that nobody can edit. The
 * program's own files keep their maps.
 */
function leaveFramesOfPackagesAsTheyAre(): void {
  const file = resolved("source-map-support");
  if (file === undefined) return;
  const support = sdk(file) as { install(options: { retrieveFile(path: string): string | null }): void };
  // Null hands the question on to where it was answered before; a text without the address of a map ends it.
  support.install({ retrieveFile: (path) => (path.includes("/node_modules/") ? " " : null) });
}

function resolved(name: string): string | undefined {
  try {
    return sdk.resolve(name);
  } catch {
    // This SDK does not need it.
    return undefined;
  }
}
