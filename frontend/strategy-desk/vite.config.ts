import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

/** Assets carry a hash of their content and may be cached for ever; index.html and config.json may not. */
export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  logLevel: "warn",
  plugins: [react()],
  build: { outDir: "dist", emptyOutDir: true, sourcemap: false, assetsInlineLimit: 0 },
});
