import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const infra = join(import.meta.dirname, "..");

/** Functions of the provider that answer with the value of a secret, which then stands in the state: policies see resources, not calls. */
const READS_SECRETS = /\b(getSecretVersions?|getRandomPassword|getParameters?ByPath|getParameter)(Output)?\b/;

test("no program reads the value of a secret", () => {
  const files = globSync("{targets,components}/**/*.ts", { cwd: infra }).filter(
    (file) => !file.endsWith(".test.ts"),
  );
  expect(files.length).toBeGreaterThan(15);
  const reading = files.filter((file) => READS_SECRETS.test(readFileSync(join(infra, file), "utf8")));
  expect(reading).toEqual([]);
});
