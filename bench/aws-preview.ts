import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { pulumiEnvironment } from "../automation/src/engine/pulumi-cli/environment.ts";
import type { PulumiInstallation } from "../automation/src/engine/pulumi-cli/installation.ts";
import { pulumiForTests } from "../automation/src/engine/pulumi-cli/testing.ts";
import { startAws } from "../test/helpers/aws.ts";
import { installAwsProvider } from "../test/helpers/aws-provider.ts";
import { writeInfraProject } from "../test/helpers/infra-project.ts";
import { writeProject } from "../test/helpers/trivial-project.ts";
import { type Figure, median, printTable } from "./figure.ts";
import type { BenchOptions } from "./options.ts";

const PAIRS = 9;
const QUICK_PAIRS = 3;
/** The first preview of each fills the caches of compiled code. */
const WARM_UPS = 2;
const LIMIT = 1.5;
const UNCHANGED = /Resources:\s+(\d+) unchanged/;

/** `pulumi preview` of this repository's infra on AWS when nothing has changed, beside that of a program that declares nothing, in turns. */
export async function measureAwsPreview({ pairs, quick }: BenchOptions): Promise<Figure[]> {
  const aws = await startAws();
  if ("missing" in aws) throw new Error(aws.missing);
  const home = await mkdtemp(path.join(tmpdir(), "slipway-bench-preview-"));
  try {
    const pulumi = await pulumiForTests();
    const pulumiHome = path.join(home, ".pulumi");
    installAwsProvider(pulumiHome);
    const env = {
      ...aws.env,
      HOME: home,
      PULUMI_HOME: pulumiHome,
      PULUMI_BACKEND_URL: `file://${home}`,
      PULUMI_CONFIG_PASSPHRASE: "bench",
      NODE_COMPILE_CACHE: path.join(home, "compiled"),
    };
    const infra = writeInfraProject(path.join(home, "infra"));
    const empty = writeProject(path.join(home, "empty"), "empty", { "index.js": "export {};\n" });
    const run = (cwd: string, ...argv: string[]) => runPulumi(pulumi, cwd, env, argv);
    for (const folder of [infra, empty]) {
      await symlink(path.resolve("node_modules"), path.join(folder, "node_modules"));
      await run(folder, "stack", "init", "test");
      await run(folder, "up", "--yes", "--skip-preview");
    }
    const preview = async (folder: string) => {
      const beganMs = performance.now();
      const said = await run(folder, "preview");
      return { ms: performance.now() - beganMs, unchanged: Number(UNCHANGED.exec(said)?.[1] ?? Number.NaN) };
    };
    for (let warmUp = 0; warmUp < WARM_UPS; warmUp++) {
      const { unchanged } = await preview(infra);
      if (!(unchanged > 1)) throw new Error("The preview of infra found changes.");
      await preview(empty);
    }
    const rows: string[][] = [];
    const ratios: number[] = [];
    for (let pair = 0; pair < (pairs ?? (quick ? QUICK_PAIRS : PAIRS)); pair++) {
      const nothing = await preview(empty);
      const all = await preview(infra);
      const ratio = all.ms / nothing.ms;
      ratios.push(ratio);
      rows.push([
        String(pair + 1),
        ...[nothing.ms, all.ms].map((ms) => String(Math.round(ms))),
        String(all.unchanged),
        ratio.toFixed(2),
      ]);
    }
    printTable(["pair", "empty ms", "infra ms", "resources", "ratio"], rows);
    const ratio = median(ratios);
    return [
      {
        name: "aws-preview-ratio",
        value: ratio,
        limit: LIMIT,
        text: ratio.toFixed(2),
        limitText: String(LIMIT),
      },
    ];
  } finally {
    await aws.stop();
    await rm(home, { recursive: true, force: true });
  }
}

async function runPulumi(
  pulumi: PulumiInstallation,
  cwd: string,
  env: Readonly<Record<string, string>>,
  argv: readonly string[],
): Promise<string> {
  const { stdout, stderr } = await execa(pulumi.path, [...argv, "--non-interactive", "--color", "never"], {
    cwd,
    env: { ...pulumiEnvironment(pulumi), ...env },
    extendEnv: false,
  });
  return `${stdout}\n${stderr}`;
}
