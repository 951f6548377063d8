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
import { startInstantProvider } from "./instant-provider.ts";
import type { BenchOptions } from "./options.ts";

const PAIRS = 9;
const QUICK_PAIRS = 3;
/** The first preview of each fills the caches of compiled code. */
const WARM_UPS = 2;
const LIMIT = 1.5;
const UNCHANGED = /Resources:\s+(\d+) unchanged/;

/** As many registrations as infra has, of nothing, as fast as the SDK can make them. */
const bareProgram = (count: number) => `import pulumi from "@pulumi/pulumi";

// As infra does it: stacks of promises are not looked up in source maps.
Reflect.deleteProperty(Error, "prepareStackTrace");
for (let index = 0; index < ${String(count)}; index++) new pulumi.CustomResource("bench:index:Item", "item-" + index, {});
`;

/**
 * `pulumi preview` of this repository's infra on AWS when nothing has changed, beside that of a program that declares nothing and that of one that registers as
 * many resources of a provider that answers at once: what engine and SDK need for them, whatever the provider. In turns; see docs/decisions/0035.
 */
export async function measureAwsPreview({ pairs, quick }: BenchOptions): Promise<Figure[]> {
  const aws = await startAws();
  if ("missing" in aws) throw new Error(aws.missing);
  const instant = await startInstantProvider("bench");
  const home = await mkdtemp(path.join(tmpdir(), "slipway-bench-preview-"));
  try {
    const pulumi = await pulumiForTests();
    const pulumiHome = path.join(home, ".pulumi");
    installAwsProvider(pulumiHome);
    const env = {
      ...aws.env,
      ...instant.env,
      HOME: home,
      PULUMI_HOME: pulumiHome,
      PULUMI_BACKEND_URL: `file://${home}`,
      PULUMI_CONFIG_PASSPHRASE: "bench",
      NODE_COMPILE_CACHE: path.join(home, "compiled"),
    };
    const run = (cwd: string, ...argv: string[]) => runPulumi(pulumi, cwd, env, argv);
    const deploy = async (folder: string) => {
      await symlink(path.resolve("node_modules"), path.join(folder, "node_modules"));
      await run(folder, "stack", "init", "test");
      await run(folder, "up", "--yes", "--skip-preview");
      return folder;
    };
    const preview = async (folder: string) => {
      const beganMs = performance.now();
      const said = await run(folder, "preview");
      return { ms: performance.now() - beganMs, unchanged: Number(UNCHANGED.exec(said)?.[1] ?? Number.NaN) };
    };
    const infra = await deploy(writeInfraProject(path.join(home, "infra")));
    const { unchanged: resources } = await preview(infra);
    if (!(resources > 1)) throw new Error("The preview of infra found changes.");
    const empty = await deploy(
      writeProject(path.join(home, "empty"), "empty", { "index.js": "export {};\n" }),
    );
    // The stack itself is one of them.
    const files = { "index.js": bareProgram(resources - 1) };
    const bare = await deploy(writeProject(path.join(home, "bare"), "bare", files));
    for (let warmUp = 0; warmUp < WARM_UPS; warmUp++) {
      for (const folder of [empty, bare, infra]) await preview(folder);
    }
    const rows: string[][] = [];
    const toEmpty: number[] = [];
    const toBare: number[] = [];
    for (let pair = 0; pair < (pairs ?? (quick ? QUICK_PAIRS : PAIRS)); pair++) {
      const nothing = await preview(empty);
      const least = await preview(bare);
      const all = await preview(infra);
      if (least.unchanged !== resources || all.unchanged !== resources)
        throw new Error("A preview found changes.");
      toEmpty.push(all.ms / nothing.ms);
      toBare.push(all.ms / least.ms);
      rows.push([
        String(pair + 1),
        ...[nothing, least, all].map(({ ms }) => String(Math.round(ms))),
        String(all.unchanged),
        (least.ms / nothing.ms).toFixed(2),
        (all.ms / nothing.ms).toFixed(2),
        (all.ms / least.ms).toFixed(2),
      ]);
    }
    printTable(
      ["round", "empty ms", "bare ms", "infra ms", "resources", "bare/empty", "infra/empty", "infra/bare"],
      rows,
    );
    console.log(`infra to a program that declares nothing: ${median(toEmpty).toFixed(2)}`);
    const ratio = median(toBare);
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
    instant.stop();
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
