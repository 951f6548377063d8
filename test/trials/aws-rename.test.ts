import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { GetAliasCommand, GetFunctionCommand, InvokeCommand, LambdaClient } from "@aws-sdk/client-lambda";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FUNCTION_CATEGORIES } from "../../automation/src/contract/aws/function-environment.ts";
import type { Shipment } from "../../automation/src/contract/aws/shipment.ts";
import type { AnswerBody, TestApi } from "../helpers/api.ts";
import { startTestApi } from "../helpers/api.ts";
import type { Aws } from "../helpers/aws.ts";
import { rootClient, startAws } from "../helpers/aws.ts";
import type { Deployer } from "../helpers/aws-deployer.ts";
import { makeDeployer } from "../helpers/aws-deployer.ts";
import { installAwsProvider } from "../helpers/aws-provider.ts";
import { endedWithin } from "../helpers/deployments.ts";
import { writeInfraProject } from "../helpers/infra-project.ts";
import { register } from "../helpers/ledger-project.ts";
import type { TestWorker } from "../helpers/worker.ts";
import { startWorkerOf } from "../helpers/worker.ts";

const REGION = "eu-central-1";
const ENDS_WITHIN_MS = 180_000;
const [OLD, NEW] = ["strategy-desk-test-audit", "strategy-desk-test-audit-trail"];
const SLIPWAY_YAML = `gates: []
services:
  desk:
    path: .
    build: [node, build.mjs]
    artifact: dist
    functions: functions
`;

const started = await startAws();
if ("missing" in started)
  process.stderr.write(`Skipped: test/trials/aws-rename.test.ts: ${started.missing}\n`);

test("the stand-in for AWS can be had", { skip: process.env.CI !== "true" && "missing" in started }, () => {
  expect(started).not.toHaveProperty("missing");
});

describe.skipIf("missing" in started)("a function that gets another name between two releases", () => {
  let aws: Aws;
  let api: TestApi;
  let deployer: Deployer;
  let worker: TestWorker;
  let folder: string;
  let stack: string;

  beforeAll(async () => {
    if ("missing" in started) return;
    aws = started;
    api = await startTestApi();
    installAwsProvider(path.join(api.dataDir, "pulumi-home"));
    deployer = await makeDeployer(aws, REGION);
    const env = { ...aws.env, ...deployer.env, AWS_REGION: REGION };
    worker = await startWorkerOf(api, { env: { ...env, SLIPWAY_ENGINE_ENV: Object.keys(env).join(",") } });
    folder = path.join(api.root, "desk");
    write("v1");
    [stack = ""] = await register(api, "slipway", folder);
  });
  afterAll(async () => {
    await worker?.stop();
    await api?.close();
    if (!("missing" in started)) await started.stop();
  });

  /** The repository's own program, with functions that answer `version`. `isRenamed`: audit is called otherwise in AWS. */
  function write(version: string, { isRenamed = false }: { isRenamed?: boolean } = {}): void {
    rmSync(folder, { recursive: true, force: true });
    writeInfraProject(folder, { "strategyDesk:permissionsBoundary": deployer.boundary }, SLIPWAY_YAML);
    writeFileSync(
      path.join(folder, "build.mjs"),
      `import { mkdirSync, writeFileSync } from "node:fs";
for (const name of ${JSON.stringify(FUNCTION_CATEGORIES)}) {
  mkdirSync("dist/functions/" + name, { recursive: true });
  writeFileSync("dist/functions/" + name + "/index.mjs",
    \`export const handler = async () => ({ statusCode: 200, body: "${version} of \${name}" });\\n\`);
}
`,
    );
    if (!isRenamed) return;
    const program = path.join(folder, "infra/components/aws/api-function.ts");
    const before = readFileSync(program, "utf8");
    const after = before.replace(
      "return nameOf(place, category);",
      'return nameOf(place, category === "audit" ? "audit-trail" : category);',
    );
    expect(after).not.toBe(before);
    writeFileSync(program, after);
  }
  async function run(body: Record<string, unknown> = {}): Promise<AnswerBody> {
    const asked = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update", ...body } });
    expect(asked.status, asked.text).toBe(202);
    const deployment = await endedWithin(api, asked.body.id, ENDS_WITHIN_MS);
    expect(deployment.status, `${JSON.stringify(deployment.failure)} ${worker.output()}`).toBe("succeeded");
    return deployment;
  }
  async function shipped(release: unknown): Promise<Shipment["functions"]> {
    const { body } = await api.ask("GET", `${stack}/releases/${String(release)}/shipment`);
    return body.functions as Shipment["functions"];
  }
  const numbers = (functions: Shipment["functions"]) =>
    Object.fromEntries(Object.entries(functions).map(([name, { version }]) => [name, version]));
  /** The versions of all functions, `version` each but for audit. */
  const all = (version: string, audit: string) =>
    Object.fromEntries(
      FUNCTION_CATEGORIES.map((name) => [name, name === "audit" ? audit : version] as const),
    );
  /** What a function by this name serves, and as which version. */
  async function serves(FunctionName: string): Promise<[string, string | undefined]> {
    const lambda = rootClient(aws, REGION, LambdaClient);
    const { FunctionVersion } = await lambda.send(new GetAliasCommand({ FunctionName, Name: "live" }));
    const { Payload } = await lambda.send(new InvokeCommand({ FunctionName, Qualifier: "live" }));
    const { body } = JSON.parse(Buffer.from(Payload ?? []).toString("utf8")) as { body: string };
    return [body, FunctionVersion];
  }
  const isThere = (FunctionName: string): Promise<boolean> =>
    rootClient(aws, REGION, LambdaClient)
      .send(new GetFunctionCommand({ FunctionName }))
      .then(
        () => true,
        (thrown: unknown) => {
          if (thrown instanceof Error && thrown.name === "ResourceNotFoundException") return false;
          throw thrown;
        },
      );
  async function nothingHasDrifted(): Promise<void> {
    await run({ operation: "detect-drift" });
    const { latest } = (await api.ask("GET", `${stack}/drift`)).body;
    expect(latest).toMatchObject({ status: "clean", resources: [] });
    const { changes } = await run({ operation: "refresh" });
    expect(Object.keys(changes as object)).toEqual(["same"]);
  }

  test("serves its third version before", async () => {
    await run();
    write("v2");
    const { release } = await run();
    expect(numbers(await shipped(release))).toEqual(all("3", "3"));
    expect(await serves(OLD)).toEqual(["v2 of audit", "3"]);
  });

  test("begins anew: the pin of the old name is not its own, and the old one is gone", async () => {
    write("v3", { isRenamed: true });
    const { release } = await run();
    // Its first version is the placeholder, and there is no third.
    expect(numbers(await shipped(release))).toEqual(all("4", "2"));
    expect(await serves(NEW)).toEqual(["v3 of audit", "2"]);
    expect(await isThere(OLD)).toBe(false);
    await nothingHasDrifted();
  });

  test("is pinned by its new name from then on", async () => {
    const { changes, release } = await run();
    expect(Object.keys(changes as object)).toEqual(["same"]);
    expect(numbers(await shipped(release))).toEqual(all("4", "2"));
  });

  test("has its old name and code after a rollback to the release before, under a number that AWS never gave; the others have their very versions", async () => {
    const before = await shipped(2);
    const { release } = await run({ operation: "rollback", release: 2 });
    const after = await shipped(release);
    // A placeholder, and the package of the release: of the old function no version is left.
    expect(numbers(after)).toEqual(all("3", "5"));
    expect(after.audit).toEqual({ ...before.audit, version: "5" });
    expect(await serves(OLD)).toEqual(["v2 of audit", "5"]);
    expect(await isThere(NEW)).toBe(false);
    const { body: outputs } = await api.ask("GET", `${stack}/outputs`);
    const { api: served } = (outputs.outputs as { manifest: { api: { url: string } } }).manifest;
    expect(await (await fetch(`${served.url}/api/audit/health`)).text()).toBe("v2 of audit");
  });

  test("leaves nothing that a refresh finds, nor anything for the same source to change", async () => {
    await nothingHasDrifted();
    write("v2");
    const { changes, release } = await run();
    expect(Object.keys(changes as object)).toEqual(["same"]);
    expect(numbers(await shipped(release))).toEqual(all("3", "5"));
  });
});
