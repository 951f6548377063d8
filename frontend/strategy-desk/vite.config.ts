import { readFileSync } from "node:fs";
import { join } from "node:path";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

const { version } = JSON.parse(readFileSync(join(import.meta.dirname, "package.json"), "utf8"));

/** Assets carry a hash of their content and may be cached for ever; index.html and config.json may not. */
export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  logLevel: "warn",
  plugins: [react()],
  define: { "import.meta.env.VITE_DESK_VERSION": JSON.stringify(version) },
  build: { outDir: "dist", emptyOutDir: true, sourcemap: false, assetsInlineLimit: 0 },
});
