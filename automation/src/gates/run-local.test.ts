import { execFileSync, spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CliRun, runSlipway } from "../../../test/helpers/run-cli.ts";

const CLI = path.resolve(import.meta.dirname, "../cli.ts");
const YAML = `gates:
  - name: quality
    phase: before
    category:
      require: 2/2
      checks:
        - { name: lint, command: [node, -e, "console.log('lint looks at ' + require('fs').readFileSync('code.txt', 'utf8'))"] }
        - { name: unit, command: [node, -e, "process.exit(require('fs').readFileSync('code.txt', 'utf8').includes('broken') ? 1 : 0)"] }
  - { name: hint, phase: before, required: false, command: [no-such-program] }
  - { name: later, phase: after, command: [node, -e, "process.exit(JSON.parse(process.env.SLIPWAY_OUTPUTS).version === 'v1' ? 0 : 1)"] }
`;

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), "slipway-gates-"));
  writeFileSync(path.join(folder, "slipway.yaml"), YAML);
  writeFileSync(path.join(folder, "Pulumi.yaml"), "name: shop\nruntime: nodejs\n");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const code = (text: string) => writeFileSync(path.join(folder, "code.txt"), text);

const slipway = (...argv: string[]): Promise<CliRun> =>
  runSlipway(argv, { env: { PATH: process.env.PATH }, cwd: folder });

describe("gates of a folder", () => {
  test("are measured by the deployment's own rules; a required one that fails makes the exit code", async () => {
    code("good");
    const good = await slipway("gates", "run");
    expect(good.printed).toContain("quality: lint looks at good");
    expect(good.printed).toContain("✓ gate quality: pass, 2/2 passed, 2 needed");
    expect(good.printed).toContain("! gate hint (advisory): error");
    expect(good.code).toBe(0);
    code("broken");
    const broken = await slipway("gates", "run", "--category", "quality", "--json");
    expect(broken.code).toBe(1);
    expect(JSON.parse(broken.printed)).toMatchObject([
      { name: "quality", verdict: "fail", measurements: [{ value: 1 }] },
    ]);
  });

  test("after an update read the outputs that they are given", async () => {
    expect((await slipway("gates", "run", "--phase", "after")).code).toBe(1);
    writeFileSync(path.join(folder, "outputs.json"), '{"version":"v1"}');
    expect((await slipway("gates", "run", "--phase", "after", "--outputs", "outputs.json")).code).toBe(0);
  });

  test("that are not there are named, not passed over", async () => {
    const { printed, code: exit } = await slipway("gates", "run", "--category", "qualty");
    expect([exit, printed]).toEqual([2, expect.stringContaining("There are: quality.")]);
  });
});

describe("the hook", () => {
  const git = (...argv: string[]) =>
    spawnSync("git", ["-c", "user.name=x", "-c", "user.email=x@example.com", ...argv], {
      cwd: folder,
      encoding: "utf8",
      env: { ...process.env, PATH: `${path.join(folder, "bin")}:${process.env.PATH}` },
    });

  test("lets no commit through while a required gate fails, and is written anew by its own command only", async () => {
    execFileSync("git", ["init", "-q", "."], { cwd: folder });
    mkdirSync(path.join(folder, "bin"));
    const shim = path.join(folder, "bin/slipway");
    writeFileSync(shim, `#!/bin/sh\nexec ${process.execPath} ${CLI} "$@"\n`);
    chmodSync(shim, 0o755);
    expect((await slipway("gates", "install-hook")).code).toBe(0);
    git("add", "code.txt");
    code("broken");
    const refused = git("commit", "-m", "broken");
    expect(refused.status, refused.stderr).toBe(1);
    expect(refused.stdout + refused.stderr).toContain("gate quality: fail, 1/2 passed");
    code("good");
    const made = git("commit", "-m", "good");
    expect(made.status, made.stdout + made.stderr).toBe(0);
    expect((await slipway("gates", "install-hook", "--category", "quality")).code).toBe(0);
    const hook = path.join(folder, ".git/hooks/pre-commit");
    expect(readFileSync(hook, "utf8")).toContain("--category quality");
    writeFileSync(hook, "#!/bin/sh\n# mine\n");
    const foreign = await slipway("gates", "install-hook");
    expect([foreign.code, foreign.printed]).toEqual([
      8,
      expect.stringContaining("was not written by Slipway"),
    ]);
    expect(readFileSync(hook, "utf8")).toBe("#!/bin/sh\n# mine\n");
  });
});
