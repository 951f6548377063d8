import { randomBytes } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { CreateKeyCommand, KMSClient } from "@aws-sdk/client-kms";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openConfig } from "../automation/src/secrets/config-secrets.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { startMoto } from "./helpers/moto.ts";
import type { TestCli } from "./helpers/pulumi-cli.ts";
import { linkPackages, startTestCli } from "./helpers/pulumi-cli.ts";
import { writeProject } from "./helpers/trivial-project.ts";

const INSTALL_LIMIT_MS = 10 * 60_000;
const PASSPHRASE = { PULUMI_CONFIG_PASSPHRASE: "correct horse" };
const CRYPTO = /crypt$/;

let api: TestApi;
let cli: TestCli;
let folder: string;
beforeAll(async () => {
  api = await startTestApi();
  cli = await startTestCli(api);
  folder = linkPackages(
    writeProject(path.join(api.root, "vault"), "vault", {
      "index.js": `import pulumi from "@pulumi/pulumi";
const config = new pulumi.Config();
new pulumi.ComponentResource("vault:index:Thing", "thing", {});
export const password = config.getSecret("password");
export const db = config.getSecretObject("db");
`,
    }),
  );
});
afterAll(async () => {
  await cli.close();
  await api.close();
});

const run = (args: readonly string[], env: Record<string, string> = {}, stdin = "") =>
  cli.succeed([...args, "--non-interactive"], { cwd: folder, env, stdin });
const fileOf = (stack: string) => readFileSync(path.join(folder, `Pulumi.${stack}.yaml`), "utf8");
const outputs = async (stack: string, env: Record<string, string> = {}) =>
  JSON.parse(
    (await run(["stack", "output", "--json", "--show-secrets", "-s", stack], env)).stdout,
  ) as unknown;
const decrypts = () => cli.requests().filter((line) => CRYPTO.test(line.split(" ")[1] ?? ""));

test("T16: secrets of every size and shape that the CLI sets come back as they were, and no file holds them", async () => {
  await run(["stack", "init", "dev"]);
  const values = {
    plain: "hunter2",
    empty: "",
    emoji: "a\u{1f511}\u0001",
    lines: "-----BEGIN KEY-----\nabc\n-----END KEY-----",
    large: randomBytes(512 * 1024).toString("hex"),
  };
  for (const [name, value] of Object.entries(values)) {
    await run(["config", "set", "--secret", "-s", "dev", name], {}, value);
    if (value !== "") expect(fileOf("dev").includes(value), name).toBe(false);
  }
  for (const [name, value] of Object.entries(values)) {
    const { stdout } = await run(["config", "get", "-s", "dev", name]);
    expect(stdout.replace(/\n$/, "") === value, name).toBe(true);
  }
});

test("T16: a stack that goes from a passphrase to Slipway's encryption and back keeps its secrets", async () => {
  await run(["stack", "init", "moving", "--secrets-provider", "passphrase"], PASSPHRASE);
  await run(["config", "set", "--secret", "-s", "moving", "password", "hunter2"], PASSPHRASE);
  cli.requests();
  await run(["up", "--yes", "--skip-preview", "-s", "moving"], PASSPHRASE);
  expect(decrypts()).toEqual([]);
  expect(await outputs("moving", PASSPHRASE)).toEqual({ password: "hunter2" });
  expect(decrypts()).toEqual([]);

  await run(["stack", "change-secrets-provider", "default", "-s", "moving"], PASSPHRASE);
  expect(fileOf("moving")).not.toContain("encryptionsalt");
  await run(["up", "--yes", "--skip-preview", "-s", "moving"]);
  expect(await outputs("moving")).toEqual({ password: "hunter2" });
  expect((await run(["config", "get", "password", "-s", "moving"])).stdout.trim()).toBe("hunter2");

  // It asks for the new one and does not take it from the environment.
  const twice = `${PASSPHRASE.PULUMI_CONFIG_PASSPHRASE}\n`.repeat(2);
  await run(["stack", "change-secrets-provider", "passphrase", "-s", "moving"], {}, twice);
  expect(fileOf("moving")).toContain("encryptionsalt");
  await run(["up", "--yes", "--skip-preview", "-s", "moving"], PASSPHRASE);
  expect(await outputs("moving", PASSPHRASE)).toEqual({ password: "hunter2" });
  const wrong = await cli.run(["stack", "output", "--show-secrets", "-s", "moving", "--non-interactive"], {
    cwd: folder,
    env: { PULUMI_CONFIG_PASSPHRASE: "wrong" },
  });
  expect(wrong.code).not.toBe(0);
  expect(wrong.text).toMatch(/incorrect passphrase/);
});

test("what a passphrase stack decrypts by itself is in the audit log as the client's claim", async () => {
  const { items } = (await api.ask("GET", "/v1/audit?action=secret.decryption_reported")).body;
  expect(items.map(({ subject }) => subject)).toContain("default/vault/moving");
});

test(
  "a stack whose secrets AWS KMS keeps works as it does elsewhere",
  async ({ skip }) => {
    const moto = await startMoto();
    if ("missing" in moto) {
      if (process.env.CI === "true") throw new Error(moto.missing);
      return skip(`AWS KMS cannot be tested: ${moto.missing}`);
    }
    try {
      const kms = new KMSClient({
        region: "us-east-1",
        endpoint: moto.url,
        credentials: { accessKeyId: "testing", secretAccessKey: "testing" },
      });
      const { KeyMetadata } = await kms.send(new CreateKeyCommand({}));
      kms.destroy();
      const provider = `awskms://${KeyMetadata?.KeyId ?? ""}?region=us-east-1&awssdk=v2`;
      await run(["stack", "init", "cloud", "--secrets-provider", provider], moto.env);
      await run(["config", "set", "--secret", "-s", "cloud", "password", "hunter2"], moto.env);
      cli.requests();
      await run(["up", "--yes", "--skip-preview", "-s", "cloud"], moto.env);
      expect(await outputs("cloud", moto.env)).toEqual({ password: "hunter2" });
      expect(decrypts()).toEqual([]);
    } finally {
      await moto.stop();
    }
  },
  INSTALL_LIMIT_MS,
);

test("T20: a deployment takes the committed secrets that the CLI reads, whatever the value's shape", async () => {
  await run(["stack", "init", "committed"]);
  await run(["config", "set", "--secret", "-s", "committed", "password", "hunter2"]);
  await run(["config", "set", "-s", "committed", "--path", "db.user", "me"]);
  await run(["config", "set", "--secret", "-s", "committed", "--path", "db.password", "hunter3"]);
  await run(["config", "set", "--secret", "-s", "committed", "--path", "db.ports[0]", "5432"]);
  await run(["up", "--yes", "--skip-preview", "-s", "committed"]);
  const fromCli = (await outputs("committed")) as { password: string; db: unknown };
  expect(fromCli.password).toBe("hunter2");

  const registered = await api.ask("POST", "/v1/projects", { body: { name: "vault", folder } });
  expect(registered.status, registered.text).toBe(201);
  const asked = await api.ask("POST", "/v1/stacks/default/vault/committed/deployments", {
    body: { operation: "update" },
  });
  expect(asked.status, asked.text).toBe(202);
  const { config, stack_id } = await storedOf(asked.body.id);
  const { keyring } = api.dependencies;
  const clear = await openConfig(keyring, api.db, stack_id, config);
  expect(clear["vault:password"]).toEqual({ secret: true, value: "hunter2" });
  expect(clear["vault:db"]?.secret).toBe(true);
  expect(JSON.parse(clear["vault:db"]?.value ?? "")).toEqual(fromCli.db);
});

function storedOf(deployment: string) {
  return api.db
    .selectFrom("deployments")
    .select(["config", "stack_id"])
    .where("id", "=", deployment)
    .executeTakeFirstOrThrow();
}

test("T20: values and files that another key sealed are refused at the request, with what to do", async () => {
  const own = fileOf("committed");
  const deploy = (stack: string) =>
    api.ask("POST", `/v1/stacks/default/vault/${stack}/deployments`, { body: { operation: "update" } });
  const count = async () => (await api.db.selectFrom("deployments").select("id").execute()).length;
  const before = await count();

  const passphrase = await deploy("moving");
  expect([passphrase.status, passphrase.body.code]).toEqual([422, "source_invalid"]);
  expect(passphrase.body.detail).toContain("encryptionsalt: a passphrase");
  expect(passphrase.text).toContain("pulumi stack change-secrets-provider default --stack moving");

  const cloud = await deploy("cloud");
  expect([cloud.status, cloud.body.code]).toEqual([422, "source_invalid"]);
  expect(cloud.body.detail).toContain("secretsprovider: awskms://");

  // Without its file, the state is what another key sealed.
  rmSync(path.join(folder, "Pulumi.moving.yaml"));
  for (const operation of ["update", "rollback", "destroy"]) {
    const sealed = await api.ask("POST", "/v1/stacks/default/vault/moving/deployments", {
      body: { operation },
    });
    expect([sealed.status, sealed.body.code]).toEqual([422, "source_invalid"]);
    expect(sealed.body.detail).toContain(
      "the state of moving are sealed by a key that Slipway does not have (passphrase)",
    );
  }

  // Copied from another stack's file, as another Slipway's would be.
  writeFileSync(path.join(folder, "Pulumi.dev.yaml"), own);
  const copied = await deploy("dev");
  expect([copied.status, copied.body.code]).toEqual([422, "source_invalid"]);
  expect(copied.body.detail).toMatch(/not encrypted for this stack by this Slipway: .*vault:password/);
  expect(copied.text).toContain("slipway config set --secret <key>");
  expect(await count()).toBe(before);
});
