import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { defineConfig, type Plugin } from "vite";

const root = import.meta.dirname;

/** Puts the files beside the bundle that it reads at run time: the migrations, and which version this is. */
function filesBesideTheBundle(): Plugin {
  return {
    name: "files-beside-the-bundle",
    generateBundle() {
      const { name, version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
      const shortName = String(name).replace(/^@[^/]+\//, "");
      this.emitFile({
        type: "asset",
        fileName: "version.json",
        source: `${JSON.stringify({ name: shortName, version }, undefined, 2)}\n`,
      });
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

/** One self-contained server.mjs: all dependencies are inside, so that dist/ runs without node_modules. */
export default defineConfig({
  root,
  logLevel: "warn",
  plugins: [filesBesideTheBundle(), noSourcePaths()],
  ssr: { noExternal: true, external: [] },
  build: {
    ssr: "src/server.ts",
    target: "node24",
    outDir: "dist",
    emptyOutDir: true,
    minify: false,
    sourcemap: false,
    rolldownOptions: {
      // pg asks for its native variant lazily and only when told to; it is never installed here.
      external: ["pg-native"],
      output: { format: "esm", entryFileNames: "server.mjs", codeSplitting: false },
    },
  },
});
