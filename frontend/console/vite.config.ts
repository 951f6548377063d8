import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  build: {
    target: "es2022",
    // Browsers that know light-dark(): its lowered form needs color-scheme in the same file, and Mantine sets that.
    cssTarget: ["chrome123", "firefox120", "safari17.5"],
    sourcemap: false,
    chunkSizeWarningLimit: 900,
  },
  // Only for `vite` while working on the console; the server serves the built files itself.
  server: { proxy: { "/v1": process.env.SLIPWAY_URL ?? "http://127.0.0.1:7420" } },
});
