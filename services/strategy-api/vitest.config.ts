import { defineConfig } from "vitest/config";

/** Unit tests only: they need neither a database nor a build, so that every deployment can afford them. */
export default defineConfig({
  root: import.meta.dirname,
  test: { include: ["src/**/*.test.ts"], testTimeout: 5_000 },
});
