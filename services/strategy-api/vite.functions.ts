import { readdirSync } from "node:fs";
import { join } from "node:path";
import type { Plugin } from "vite";

const ENTRIES = join(import.meta.dirname, "src", "lambda");

/**
 * Fastify's own compilers of schemas, a third of a bundle, which zod's replace. In their place: something that says so if it is asked after all.
 */
const REPLACED = new Set(["@fastify/ajv-compiler", "@fastify/fast-json-stringify-compiler"]);
const REPLACEMENT = "\0no-schema-compiler";
const REPLACEMENT_CODE = `
const compiler = () => () => { throw new Error("Schemas are compiled by zod alone."); };
export default Object.assign(compiler, { SerializerSelector: compiler });
export { compiler as "module.exports" };`;

/** A part of the bundle, as far as it is looked at here. */
type Part =
  | { type: "asset" }
  | { type: "chunk"; name: string; fileName: string; isEntry: boolean; code: string; imports: string[] };

/**
 * Builds src/lambda/<category>.ts into functions/<category>/. All are bundled at once, so that what they share is read and shrunk once; then each folder gets its entry as
 * index.mjs and copies of exactly the chunks that it needs.
 */
export function functionFolders(versionFile: string): Plugin {
  const names = readdirSync(ENTRIES).map((file) => file.replace(/\.ts$/, ""));
  return {
    name: "function-folders",
    enforce: "pre",
    config: ({ build }) => ({
      environments: {
        functions: {
          consumer: "server",
          resolve: { noExternal: true, external: [] },
          build: {
            ssr: true,
            target: "node22",
            outDir: join(build?.outDir ?? "dist", "functions"),
            // Cold starts read and parse every byte. Names stay, for the stacks in the log.
            minify: "oxc",
            sourcemap: false,
            rolldownOptions: {
              input: Object.fromEntries(names.sort().map((name) => [name, join(ENTRIES, `${name}.ts`)])),
              output: {
                format: "esm",
                entryFileNames: "[name].mjs",
                chunkFileNames: "chunk-[hash].mjs",
                minify: { compress: true, mangle: false, codegen: true },
              },
            },
          },
        },
      },
    }),
    applyToEnvironment: ({ name }) => name === "functions",
    resolveId: (id) => (REPLACED.has(id) ? REPLACEMENT : null),
    load: (id) => (id === REPLACEMENT ? REPLACEMENT_CODE : null),
    generateBundle: {
      order: "post",
      handler(_options, bundle) {
        const parts: Part[] = Object.values(bundle);
        const chunks = parts.filter((part) => part.type === "chunk");
        for (const entry of chunks.filter((chunk) => chunk.isEntry)) {
          const emit = (file: string, source: string) =>
            this.emitFile({ type: "asset", fileName: `${entry.name}/${file}`, source });
          emit("index.mjs", entry.code);
          emit("version.json", versionFile);
          for (const chunk of neededBy(entry.fileName, chunks)) emit(chunk.fileName, chunk.code);
        }
        for (const { fileName } of chunks) delete bundle[fileName];
      },
    },
  };
}

function neededBy<C extends { fileName: string; imports: string[] }>(
  entry: string,
  chunks: readonly C[],
): C[] {
  const byName = new Map(chunks.map((chunk) => [chunk.fileName, chunk]));
  const found = new Set<C>();
  const visit = (name: string): void => {
    for (const imported of byName.get(name)?.imports ?? []) {
      const chunk = byName.get(imported);
      if (chunk === undefined || found.has(chunk)) continue;
      found.add(chunk);
      visit(imported);
    }
  };
  visit(entry);
  return [...found];
}
