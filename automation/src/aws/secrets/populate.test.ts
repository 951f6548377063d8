import { once } from "node:events";
import { createReadStream } from "node:fs";
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { PassThrough } from "node:stream";
import { CreateAliasCommand, CreateKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import {
  CreateSecretCommand,
  GetSecretValueCommand,
  ListSecretVersionIdsCommand,
  SecretsManagerClient,
} from "@aws-sdk/client-secrets-manager";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApi } from "../../../../test/helpers/api.ts";
import { startTestApi } from "../../../../test/helpers/api.ts";
import { AN_AWS_MANIFEST } from "../../../../test/helpers/aws-manifest.ts";
import type { Moto } from "../../../../test/helpers/moto.ts";
import { startMoto } from "../../../../test/helpers/moto.ts";
import { recordRelease } from "../../../../test/helpers/records.ts";
import { everyFileBelow, everythingIn } from "../../../../test/helpers/traces.ts";
import { readSecretValues } from "../../cli/secret-input.ts";
import { FUNCTIONS, type SlotName } from "../../contract/aws/function-environment.ts";
import type { AwsManifest } from "../../contract/aws/manifest.ts";
import { SECRET_SLOTS } from "../../contract/aws/secret-slots.ts";

const REGION = "us-east-1";
const CLI = path.resolve(import.meta.dirname, "../../cli.ts");
const PROJECT = "shop";
const STACK = `${PROJECT}/test`;
/** No other text in the world holds these. */
const CANARIES = { apiKey: "C4n4ryOfTheKeyThatNobodySees", apiSecret: "C4n4ryOfTheSecretThatNobodySees" };

const moto = await startMoto();
if ("missing" in moto) {
  console.warn(`Secrets are not put into the stand-in of AWS: ${moto.missing}`);
  if (process.env.CI === "true") throw new Error(moto.missing);
}

describe.skipIf("missing" in moto)("slipway secrets", () => {
  const aws = moto as Moto;
  let api: TestApi;
  let server: string;
  let folder: string;
  let manifest: AwsManifest;
  let secrets: SecretsManagerClient;
  let health: Awaited<ReturnType<typeof startHealth>>;
  beforeAll(async () => {
    api = await startTestApi();
    server = await api.app.listen({ host: "127.0.0.1", port: 0 });
    folder = await mkdtemp(path.join(tmpdir(), "slipway-secrets-"));
    const settings = {
      endpoint: aws.url,
      region: REGION,
      credentials: { accessKeyId: "testing", secretAccessKey: "testing" },
    };
    const kms = new KMSClient(settings);
    secrets = new SecretsManagerClient(settings);
    const key = async (): Promise<string> =>
      (await kms.send(new CreateKeyCommand({}))).KeyMetadata?.Arn ?? "";
    const [own, another] = [await key(), await key()];
    await kms.send(new CreateAliasCommand({ AliasName: "alias/shop", TargetKeyId: own }));
    const arns: Record<string, string> = {};
    for (const { name } of SECRET_SLOTS) {
      // One of them is not sealed with the stack's key.
      const KmsKeyId = name === "finoa" ? another : own;
      const made = await secrets.send(new CreateSecretCommand({ Name: `shop/${name}`, KmsKeyId }));
      arns[name] = made.ARN ?? "";
    }
    health = await startHealth(arns);
    manifest = {
      ...AN_AWS_MANIFEST,
      region: REGION,
      kmsKeyArn: own,
      secrets: arns,
      api: { ...AN_AWS_MANIFEST.api, url: health.url },
      functions: Object.fromEntries(
        Object.entries(FUNCTIONS).map(([name, { healthPath }]) => [
          name,
          { ...(AN_AWS_MANIFEST.functions.audit as AwsManifest["functions"][string]), healthPath },
        ]),
      ),
    };
    const stack = await api.makeStack(PROJECT, "test");
    const { body } = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update" } });
    await recordRelease(api.db, body.id, "good", { manifest });
    kms.destroy();
  });
  afterAll(async () => {
    secrets?.destroy();
    await health?.stop();
    await api?.close();
    await aws.stop();
    await rm(folder, { recursive: true, force: true });
  });

  /** The functions of the stack: they hold what was the newest version when their epoch was set, as the real ones do. */
  async function startHealth(arns: Readonly<Record<string, string>>) {
    let held = new Map<string, string | null>();
    const serving = createServer((request, response) => {
      const [name = "", spec] =
        Object.entries(FUNCTIONS).find(([, { healthPath }]) => healthPath === request.url) ?? [];
      response.setHeader("content-type", "application/json");
      response.end(
        JSON.stringify({
          status: "ok",
          name,
          category: name,
          version: "1",
          environment: "test",
          executionMode: "paper",
          secretsEpoch: null,
          dataStores: [],
          secrets: (spec?.secrets ?? []).map((slot) => {
            const versionId = held.get(slot) ?? null;
            return { slot, state: versionId === null ? "empty" : "present", versionId };
          }),
        }),
      );
    });
    serving.listen(0, "127.0.0.1");
    await once(serving, "listening");
    const { port } = serving.address() as AddressInfo;
    return {
      url: `http://127.0.0.1:${port}`,
      readAnew: async () => {
        const entries = Object.entries(arns).map(
          async ([slot, SecretId]) => [slot, await current(SecretId)] as const,
        );
        held = new Map(await Promise.all(entries));
      },
      stop: async () => {
        serving.closeAllConnections();
        serving.close();
        await once(serving, "close");
      },
    };
  }

  async function current(SecretId: string): Promise<string | null> {
    const { Versions = [] } = await secrets.send(new ListSecretVersionIdsCommand({ SecretId }));
    return (
      Versions.find(({ VersionStages }) => VersionStages?.includes("AWSCURRENT") === true)?.VersionId ?? null
    );
  }

  async function storedIn(slot: SlotName): Promise<unknown> {
    const { SecretString = "null" } = await secrets.send(
      new GetSecretValueCommand({ SecretId: manifest.secrets[slot] ?? "", VersionStage: "AWSCURRENT" }),
    );
    return JSON.parse(SecretString) as unknown;
  }

  /** The command as people run it, in a process of its own. */
  async function run(args: readonly string[], input: string | { file: string } = "") {
    const options = {
      env: {
        ...aws.env,
        HOME: folder,
        XDG_CONFIG_HOME: folder,
        SLIPWAY_URL: server,
        SLIPWAY_TOKEN: api.token,
        NO_COLOR: "1",
      },
      cwd: folder,
      reject: false,
    } as const;
    const argv = [CLI, "secrets", ...args];
    if (typeof input === "string") return endOf(await execa(process.execPath, argv, { ...options, input }));
    // As a shell does it: the process itself reads the file.
    const file = createReadStream(input.file);
    await once(file, "open");
    return endOf(await execa(process.execPath, argv, { ...options, stdin: file }));
  }

  const list = async () => (await api.ask("GET", `/v1/stacks/default/${STACK}/secrets`)).body;
  const openaiKey = (word: string) => ({ openai: { apiKey: `sk-${word.padEnd(30, "x")}` } });

  test("put values under the stack's key, record who put which version, and leave no value anywhere else", async () => {
    const { code, out, err, argv } = await run(
      ["populate", STACK, "--no-refresh"],
      JSON.stringify({ bison: CANARIES, openai: { apiKey: `sk-${CANARIES.apiKey}` }, kraken: null }),
    );
    expect([code, err]).toEqual([0, ""]);
    expect(await storedIn("bison")).toEqual(CANARIES);
    const { items, epoch } = await list();
    const slots = Object.fromEntries(items.map((item) => [item.slot, item]));
    expect(slots.bison).toMatchObject({
      versionId: await current(manifest.secrets.bison ?? ""),
      putBy: "owner",
    });
    expect(slots.kraken).toMatchObject({ versionId: null });
    expect(epoch).toMatch(/^[0-9a-f]{16}$/);
    const audit = await api.ask("GET", `/v1/audit?organisation=default&project=${PROJECT}&action=secret.put`);
    expect(audit.body.items.map(({ details }) => (details as { slot: string }).slot).sort()).toEqual([
      "bison",
      "openai",
    ]);
    const kept = [out, err, argv, api.log(), await everythingIn(api.db), await everyFileBelow(folder)].join(
      "\n",
    );
    expect(kept).not.toContain(CANARIES.apiKey);
    expect(kept).not.toContain(CANARIES.apiSecret);
    // The search does find what is there.
    expect(await everythingIn(api.db)).toContain(String(slots.bison?.versionId));
  });

  test("a value that cannot be right, or is sealed with another key, is not stored, and no error shows any of it", async () => {
    const before = await current(manifest.secrets.openai ?? "");
    const wrong = await run(
      ["populate", STACK, "--no-refresh", "--json"],
      JSON.stringify({ ...openaiKey("right"), bybit: CANARIES }),
    );
    expect(wrong.code).toBe(1);
    expect(JSON.parse(wrong.err)).toMatchObject({
      error: { code: "invalid_secrets", issues: [{ path: "bybit.apiKey" }, { path: "bybit.apiSecret" }] },
    });
    expect(await current(manifest.secrets.openai ?? "")).toBe(before);
    const foreign = await run(
      ["populate", STACK, "--no-refresh", "--json"],
      JSON.stringify({ finoa: CANARIES }),
    );
    expect(JSON.parse(foreign.err)).toMatchObject({ error: { code: "secret_key_mismatch" } });
    expect(await current(manifest.secrets.finoa ?? "")).toBeNull();
    expect(`${wrong.out}${wrong.err}${foreign.out}${foreign.err}`).not.toContain("C4n4ry");
  });

  test("what was stored before one of them failed is recorded all the same", async () => {
    const { code } = await run(
      ["populate", STACK, "--no-refresh", "--json"],
      JSON.stringify({ bsdex: CANARIES, finoa: CANARIES }),
    );
    expect(code).toBe(1);
    const { items } = await list();
    const bsdex = items.find(({ slot }) => slot === "bsdex");
    expect(bsdex?.versionId).toBe(await current(manifest.secrets.bsdex ?? ""));
    expect(items.find(({ slot }) => slot === "finoa")?.versionId).toBeNull();
  });

  test("a file that others may read is refused, named or on standard input", async () => {
    const file = path.join(folder, "values.json");
    await writeFile(file, JSON.stringify(openaiKey("file")), { mode: 0o600 });
    expect((await run(["populate", STACK, "--no-refresh", "--file", file])).code).toBe(0);
    expect((await run(["populate", STACK, "--no-refresh"], { file })).code).toBe(0);
    await chmod(file, 0o644);
    for (const refused of [
      await run(["populate", STACK, "--no-refresh", "--json", "--file", file]),
      await run(["populate", STACK, "--no-refresh", "--json"], { file }),
    ])
      expect(JSON.parse(refused.err)).toMatchObject({ error: { code: "secret_file_exposed" } });
    await rm(file);
  });

  test("a refresh deploys the release that runs with the new epoch, whatever is in the folder, and it is seen that functions read the new versions", async () => {
    await health.readAnew();
    const { body: project } = await api.ask("GET", `/v1/projects/default/${PROJECT}`);
    await writeFile(`${String(project.folder)}/more.txt`, "not yet to be deployed");
    const running = run(
      ["populate", STACK, "--json", "--wait-seconds", "20"],
      JSON.stringify(openaiKey("refreshed")),
    );
    const deployment = await queued();
    expect(deployment).toMatchObject({
      operation: "update",
      source_digest: await sourceOfRelease(1),
      config: { "slipway:secretsEpoch": { secret: false, value: (await list()).epoch } },
    });
    // What the functions hold is what they read before: the deployment is what makes them read anew.
    expect((await run(["verify", STACK])).code).toBe(1);
    await health.readAnew();
    await recordRelease(api.db, deployment.id, "good", { manifest });
    const { code, out, err } = await running;
    expect([code, err]).toEqual([0, ""]);
    const said = JSON.parse(out) as {
      put: string[];
      readers: { slot: string; function: string; state: string }[];
    };
    expect(said.put).toEqual(["openai"]);
    expect(said.readers.find(({ slot }) => slot === "openai")).toMatchObject({
      function: "strategies",
      state: "right",
    });
    expect((await run(["verify", STACK])).code).toBe(0);
  });

  test("on a terminal every field is typed unseen, a wrong one is asked for again, and an empty key skips a slot", async () => {
    const screen = new PassThrough();
    const shown: string[] = [];
    screen.on("data", (chunk: Buffer) => shown.push(chunk.toString()));
    const keyboard = Object.assign(new PassThrough(), { isTTY: true, setRawMode: () => keyboard });
    const answers = readSecretValues(
      {
        env: {},
        cwd: folder,
        stdin: keyboard as never,
        stdout: screen,
        stderr: screen,
        signal: new AbortController().signal,
        finish: () => undefined,
      },
      ["gemini", "openai"],
      undefined,
    );
    // Gemini is skipped; the first key of OpenAI is too short, so that more is typed to it.
    keyboard.write("\r");
    await shownSays(shown, "OpenAI");
    keyboard.write("short\r");
    await shownSays(shown, "does not look like one");
    keyboard.write("\u0015");
    keyboard.write(`sk-${CANARIES.apiKey}\r`);
    expect([...(await answers)]).toEqual([["openai", { apiKey: `sk-${CANARIES.apiKey}` }]]);
    expect(shown.join("")).not.toContain("C4n4ry");
  });

  async function queued() {
    for (;;) {
      const row = await api.db
        .selectFrom("deployments")
        .select(["id", "operation", "source_digest", "config"])
        .where("status", "=", "queued")
        .executeTakeFirst();
      if (row !== undefined) return row;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  async function sourceOfRelease(number: number): Promise<string> {
    const { body } = await api.ask("GET", `/v1/stacks/default/${STACK}/releases/${number}`);
    return String(body.sourceDigest);
  }
});

function endOf(run: { exitCode?: number; stdout: string; stderr: string; escapedCommand: string }) {
  return { code: run.exitCode, out: run.stdout, err: run.stderr, argv: run.escapedCommand };
}

async function shownSays(shown: readonly string[], words: string): Promise<void> {
  while (!shown.join("").includes(words)) await new Promise((resolve) => setTimeout(resolve, 20));
}
