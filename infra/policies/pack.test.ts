import { spawn } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { pulumiEnvironment } from "../../automation/src/engine/pulumi-cli/environment.ts";
import { pulumiForTests } from "../../automation/src/engine/pulumi-cli/testing.ts";

const REPOSITORY = join(import.meta.dirname, "..", "..");

let folder: string;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "slipway-pack-"));
  symlinkSync(join(REPOSITORY, "node_modules"), join(folder, "node_modules"));
  writeFileSync(
    join(folder, "Pulumi.yaml"),
    "name: packed\nruntime: {name: nodejs, options: {typescript: false}}\n",
  );
  writeFileSync(join(folder, "package.json"), "{}");
  await pulumi("stack", "init", "dev");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A component that has the type of a resource needs no provider. */
const programOf = (type: string) => `const pulumi = require("@pulumi/pulumi");
new pulumi.ComponentResource(${JSON.stringify(type)}, "bare", {});
`;

/** Two previews of the real engine, on a machine that does other things too. */
const PREVIEWS_MS = 120_000;

test("the engine asks the pack, and a violation stops a preview", { timeout: PREVIEWS_MS }, async () => {
  writeFileSync(join(folder, "index.js"), programOf("aws:ec2/route:Route"));
  const fine = await pulumi("preview", "--policy-pack", import.meta.dirname);
  expect(fine.output).toContain("aws-house-rules");
  expect(fine.code, fine.output).toBe(0);

  writeFileSync(join(folder, "index.js"), programOf("aws:sqs/queue:Queue"));
  const refused = await pulumi("preview", "--policy-pack", import.meta.dirname);
  expect(refused.output).toContain("must name the stack's key in kmsMasterKeyId");
  expect(refused.code).not.toBe(0);
});

async function pulumi(...args: string[]): Promise<{ code: number | null; output: string }> {
  const installation = await pulumiForTests();
  const child = spawn(installation.path, ["--non-interactive", ...args], {
    cwd: folder,
    env: {
      ...pulumiEnvironment(installation),
      HOME: folder,
      PULUMI_HOME: join(folder, ".pulumi"),
      PULUMI_BACKEND_URL: `file://${folder}`,
      PULUMI_CONFIG_PASSPHRASE: "no secret",
      SLIPWAY_TEST_MARK: process.env.SLIPWAY_TEST_MARK ?? "",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject);
    child.once("close", resolve);
  });
  return { code, output };
}
