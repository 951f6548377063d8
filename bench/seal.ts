import { execFile } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import type { Database } from "../automation/src/database.ts";
import { openDatabase } from "../automation/src/database.ts";
import { engineEnvironment } from "../automation/src/engine/environment.ts";
import { runPulumi } from "../automation/src/engine/pulumi.ts";
import { pulumiEnvironment } from "../automation/src/engine/pulumi-cli/environment.ts";
import { resolvePulumi } from "../automation/src/engine/pulumi-cli/resolve.ts";
import type { PulumiRequest } from "../automation/src/engine/runner-protocol.ts";
import type { Supervision } from "../automation/src/engine/supervision.ts";
import { capSteps } from "../automation/src/seals/cap-steps.ts";
import { withOpenCredentials } from "../automation/src/seals/loosen-plan.ts";
import { checkPlanFile, edgesOfPlan, readPlan, writePlan } from "../automation/src/seals/plan-file.ts";
import { takeReport } from "../automation/src/seals/report-file.ts";
import type { SealedDeployment, SealFacts } from "../automation/src/seals/rules.ts";
import { compare, seal } from "../automation/src/seals/rules.ts";
import { ciphertextsOf, seedsOf, stepsOfPlan } from "../automation/src/seals/sealed-steps.ts";
import { packSeal } from "../automation/src/seals/store.ts";
import { macsOf } from "../automation/src/seals/value-macs.ts";
import { defaultKeySettings } from "../automation/src/secrets/key-settings.ts";
import type { Keyring } from "../automation/src/secrets/keyring.ts";
import { openKeyring } from "../automation/src/secrets/open-keyring.ts";
import type { Figure } from "./figure.ts";
import { median, printTable } from "./figure.ts";
import type { Installation } from "./installation.ts";
import { freePort, startInstallation } from "./installation.ts";
import type { BenchOptions } from "./options.ts";
import { databaseOf } from "./page.ts";
import { writeProgram } from "./program.ts";

const run = promisify(execFile);
const RESOURCES = 1_000;
const DEFAULT_PAIRS = 10;
const QUICK_PAIRS = 3;
const WARM_UP_PAIRS = 1;
const RATIO_LIMIT = 1.1;
const PROJECT = "bench-seal";
const STACK = `default/${PROJECT}/bench`;

/** Each resource has text as long as a policy, and tags; each tenth a secret of its own. */
const PROGRAM = `import pulumi from "@pulumi/pulumi";

class Item extends pulumi.ComponentResource {
  constructor(name, args) {
    super("bench:index:Item", name, args);
    this.registerOutputs({ name });
  }
}

for (let index = 0; index < ${RESOURCES}; index += 1) {
  const tags = { owner: "harbour", place: String(index % 7), stage: "bench" };
  const secret = index % 10 === 0 ? { password: pulumi.secret("secret-" + index) } : {};
  new Item("item-" + index, { size: index, text: "a word ".repeat(60), tags, ...secret });
}
`;

const FACTS: SealFacts = {
  operation: "update",
  options: { refresh: false, parallel: 16 },
  source: null,
  lockfile: null,
  config: "",
  serverConfig: {},
  cli: "",
  plugins: [],
  state: 0,
  artifacts: [],
  rules: {},
  policies: null,
};

interface Bed {
  db: Database;
  keyring: Keyring;
  stackId: string;
  folder: string;
  request: Omit<PulumiRequest, "id">;
  supervision: Supervision;
}

/**
 * What sealing costs a preview of 1,000 new resources: the preview that also tells its steps, from which everything is then sealed, compared with a seal of before and packed for its table, against a
 * preview that saves its plan, as each one of an update does, and nothing more. Alternating pairs; the figure is the median of their ratios.
 */
export async function measureSeal({ pairs, quick }: BenchOptions): Promise<Figure[]> {
  const folder = await mkdtemp(join(tmpdir(), "slipway-bench-"));
  const undo: (() => Promise<unknown>)[] = [() => rm(folder, { recursive: true, force: true })];
  try {
    const installation = await startInstallation(join(folder, "data"), await freePort(), [folder]);
    undo.push(() => installation.stop());
    const { db, close } = openDatabase(databaseOf(installation), { applicationName: "slipway-bench" });
    undo.push(close);
    const bed = await prepare(folder, installation, db);
    return [await alternate(bed, quick ? QUICK_PAIRS : (pairs ?? DEFAULT_PAIRS))];
  } finally {
    for (const step of undo.reverse()) await step();
  }
}

async function prepare(folder: string, installation: Installation, db: Database): Promise<Bed> {
  const workDir = join(folder, PROJECT);
  await writeProgram(workDir, PROJECT);
  await writeFile(join(workDir, "index.js"), PROGRAM);
  const pulumi = await resolvePulumi({ env: process.env, nodePath: process.execPath });
  const home = join(folder, "home");
  await mkdir(home);
  const backend = {
    PULUMI_BACKEND_URL: installation.baseUrl,
    PULUMI_ACCESS_TOKEN: installation.token,
    PULUMI_HOME: join(home, "pulumi-home"),
    HOME: home,
  };
  const shell = pulumiEnvironment(pulumi, { compileCacheDir: join(home, "compile-cache") });
  await run(pulumi.path, ["--non-interactive", "stack", "init", STACK], {
    cwd: workDir,
    env: { ...shell, ...backend },
  });
  const { id: stackId } = await db
    .selectFrom("stacks")
    .select("id")
    .where("name", "=", "bench")
    .executeTakeFirstOrThrow();
  const env = engineEnvironment({
    backendUrl: installation.baseUrl,
    pulumiHome: join(home, "pulumi-home"),
    path: (shell.PATH ?? "").split(":"),
    home,
    tmpDir: folder,
    compileCache: join(home, "compile-cache"),
    extra: { PULUMI_ACCESS_TOKEN: installation.token },
  });
  return {
    db,
    keyring: await openKeyring({ db, settings: defaultKeySettings(installation.dataDir) }),
    stackId,
    folder,
    request: {
      type: "pulumi",
      operation: "preview",
      pulumiPath: pulumi.path,
      workDir,
      stack: STACK,
      config: {},
      options: { refresh: false },
      env,
      secrets: [],
    },
    supervision: {
      attemptDir: folder,
      extraEnvironment: {},
      childStarted: () => {},
      childEnded: () => {},
      isInterrupted: () => false,
      send: () => {},
    },
  };
}

async function alternate(bed: Bed, pairs: number): Promise<Figure> {
  let stored = await sealed(bed, null);
  const rows: { plain: number; whole: number; sealing: number }[] = [];
  for (let pair = 0; pair < WARM_UP_PAIRS + pairs; pair += 1) {
    const plainFirst = pair % 2 === 0;
    const before = plainFirst ? await plain(bed) : undefined;
    stored = await sealed(bed, stored.made);
    const plainMs = before ?? (await plain(bed));
    if (pair >= WARM_UP_PAIRS)
      rows.push({ plain: plainMs, whole: stored.wholeMs, sealing: stored.sealingMs });
  }
  printTable(
    ["pair", "preview ms", "with its seal ms", "of that sealing ms", "ratio"],
    rows.map(({ plain: without, whole, sealing }, index) => [
      String(index + 1),
      without.toFixed(0),
      whole.toFixed(0),
      sealing.toFixed(0),
      (whole / without).toFixed(3),
    ]),
  );
  const value = median(rows.map(({ plain: without, whole }) => whole / without));
  const text = `${value.toFixed(3)} of a preview without`;
  return { name: "seal", value, limit: RATIO_LIMIT, text, limitText: `${RATIO_LIMIT.toFixed(2)} of it` };
}

async function plain(bed: Bed): Promise<number> {
  const planPath = join(bed.folder, "plan.json");
  const began = performance.now();
  await previewed(bed, { planPath });
  const took = performance.now() - began;
  await rm(planPath);
  return took;
}

async function previewed(bed: Bed, paths: Pick<PulumiRequest, "planPath" | "reportPath">): Promise<void> {
  const { status, errors } = await runPulumi({ ...bed.request, id: "bench", ...paths }, bed.supervision);
  if (status !== "succeeded") throw new Error(`A preview of the bench ${status}: ${errors.join(" ")}`);
}

/** What an attempt's steps `preview` and `seal` do, in their order. */
async function sealed(
  bed: Bed,
  before: SealedDeployment | null,
): Promise<{ made: SealedDeployment; wholeMs: number; sealingMs: number }> {
  const { db, keyring, stackId } = bed;
  const [planPath, reportPath] = [join(bed.folder, "plan.json"), join(bed.folder, "report.json")];
  const began = performance.now();
  await previewed(bed, { planPath, reportPath });
  const previewedAt = performance.now();
  const report = await takeReport(reportPath);
  const plan = await readPlan(planPath);
  const edges = edgesOfPlan(plan);
  const file = await writePlan(planPath, withOpenCredentials(plan, report.providers));
  capSteps(report.steps.map((step) => ({ ...step, dependencies: edges[step.urn] ?? [] })));
  const dataKey = await keyring.newest(db, stackId);
  const macOf = await macsOf(db, keyring, dataKey, ciphertextsOf(plan));
  const made = seal(FACTS, stepsOfPlan(plan, { macOf, folder: bed.folder }), seedsOf(plan));
  await packSeal(db, keyring, stackId, made, dataKey.version);
  if (before !== null) {
    const comparison = compare(before, made);
    if (!("binding" in comparison)) throw new Error(`The bench's seal moved: ${JSON.stringify(comparison)}`);
  }
  await checkPlanFile(file);
  await rm(planPath);
  const ended = performance.now();
  return { made, wholeMs: ended - began, sealingMs: ended - previewedAt };
}
