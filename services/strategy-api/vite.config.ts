import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type Plugin } from "vite";
import { functionFolders } from "./vite.functions.ts";

const root = import.meta.dirname;
const OUT_DIR = "dist";

/** Which version this is, for a bundle to read. */
function versionFile(): string {
  const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const shortName = String(name).replace(/^@[^/]+\//, "");
  return `${JSON.stringify({ name: shortName, version }, undefined, 2)}\n`;
}

/** Puts the files beside the server that it reads at run time: the migrations, and which version this is. */
function filesBesideTheServer(): Plugin {
  return {
    name: "files-beside-the-server",
    applyToEnvironment: ({ name }) => name === "ssr",
    generateBundle() {
      this.emitFile({ type: "asset", fileName: "version.json", source: versionFile() });
      for (const file of readdirSync(join(root, "migrations")).sort()) {
        const source = readFileSync(join(root, "migrations", file), "utf8");
        this.emitFile({ type: "asset", fileName: `migrations/${file}`, source });
      }
    },
  };
}

/** Drops the comments that name the file of each part: where dependencies lie must not change the bytes of a build. */
function noSourcePaths(): Plugin {
  return {
    name: "no-source-paths",
    generateBundle(_options, bundle) {
      for (const file of Object.values(bundle)) {
        if (file.type === "chunk")
          file.code = file.code.replaceAll(/^\/\/(?:#region| ).*node_modules\/.*\n/gm, "");
      }
    },
  };
}

/**
 * One self-contained server.mjs for a process, and beside it functions/<category>/ for functions of a cloud: all dependencies are inside, so that each runs without
 * node_modules.
 */
export default defineConfig({
  root,
  logLevel: "warn",
  plugins: [filesBesideTheServer(), noSourcePaths(), functionFolders(versionFile())],
  build: { outDir: OUT_DIR, emptyOutDir: true },
  environments: {
    ssr: {
      resolve: { noExternal: true, external: [] },
      build: {
        ssr: "src/server.ts",
        target: "node24",
        minify: false,
        sourcemap: false,
        rolldownOptions: {
          // pg asks for its native variant lazily and only when told to; it is never installed here.
          external: ["pg-native"],
          output: { format: "esm", entryFileNames: "server.mjs", codeSplitting: false },
        },
      },
    },
  },
  builder: {
    async buildApp(builder) {
      // One after the other: the first empties the folder.
      for (const name of ["ssr", "functions"]) {
        const environment = builder.environments[name];
        if (environment === undefined) throw new Error(`There is no environment ${name}.`);
        await builder.build(environment);
      }
    },
  },
});
