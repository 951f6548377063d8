import { readFile } from "node:fs/promises";
import path from "node:path";
import { execa } from "execa";
import { expect, test } from "vitest";
import { startMoto } from "../../test/helpers/moto.ts";
import { wholeProgram } from "../../test/helpers/run-cli.ts";
import { PROVIDER_VERSION } from "./prerequisites.ts";
import type { RunSlipway } from "./run-slipway.ts";
import { scenariosOf } from "./scenarios.ts";
import { verifyAll } from "./verify.ts";

const SCRIPT = path.resolve(import.meta.dirname, "../verify-aws.ts");
/** Nobody answers there, so that the SDK finds no credentials of the machine it runs on either. */
const NOBODY = {
  AWS_EC2_METADATA_DISABLED: "true",
  AWS_CONFIG_FILE: "/nowhere",
  AWS_SHARED_CREDENTIALS_FILE: "/nowhere",
  SLIPWAY_URL: "http://127.0.0.1:9",
  SLIPWAY_TOKEN: "none",
};
const verify = (args: readonly string[], env: Record<string, string>) =>
  execa(process.execPath, [SCRIPT, ...args], {
    env: { PATH: process.env.PATH ?? "", HOME: "/nowhere", ...NOBODY, ...env },
    extendEnv: false,
    reject: false,
  });
const STACK = ["--stack", "shop/sandbox"];

test("without an account it says so aloud and is no failure", async () => {
  const { exitCode, stdout } = await verify([...STACK, "--yes"], {});
  expect([exitCode, stdout.split("\n")[0]]).toEqual([
    0,
    expect.stringMatching(/^skipped: verify:aws, no credentials/),
  ]);
});

test("with an account it warns of what it costs, does nothing without --yes, and says when server or plugin are missing", async () => {
  const moto = await startMoto();
  if ("missing" in moto) {
    console.warn(`verify:aws was not asked with an account: ${moto.missing}`);
    if (process.env.CI === "true") throw new Error(moto.missing);
    return;
  }
  try {
    const asked = await verify(STACK, moto.env);
    expect(asked.exitCode).toBe(2);
    expect(asked.stdout).toContain("AWS bills them");
    expect(asked.stdout).toContain("Nothing was done.");
    const alone = await verify([...STACK, "--yes"], moto.env);
    expect([alone.exitCode, alone.stdout]).toEqual([
      0,
      expect.stringContaining("skipped: verify:aws, no stack"),
    ]);
  } finally {
    await moto.stop();
  }
});

/** Answers each command as a stack does that can do everything, but for what is named. */
const stack =
  (wrong: Readonly<Record<string, unknown>> = {}): RunSlipway =>
  ({ argv }) => {
    const command = argv.slice(0, 2).join(" ");
    const name = Object.keys(wrong).find((one) => command.startsWith(one));
    if (name !== undefined && typeof wrong[name] === "number")
      return Promise.resolve({ exitCode: wrong[name], stdout: "", stderr: "error: it broke" });
    const usual = {
      status: "succeeded",
      changes: { same: 40 },
      state: "passed",
      latest: { status: "clean" },
    };
    const answer = name === undefined ? usual : { ...usual, ...(wrong[name] as object) };
    return Promise.resolve({ exitCode: 0, stdout: JSON.stringify(answer), stderr: "" });
  };
const outcomes = async (wrong?: Readonly<Record<string, unknown>>) =>
  verifyAll(scenariosOf("shop/sandbox", { destroys: true }), stack(wrong), () => undefined);

test("every scenario passes on a stack that can do everything", async () => {
  expect((await outcomes()).filter(({ state }) => state !== "passed")).toEqual([]);
});

test.each([
  ["deploy", { status: "failed" }, "is deployed"],
  ["deploy", { changes: { same: 39, update: 1 } }, "is deployed again without a change"],
  ["drift show", { latest: { status: "drifted" } }, "is as its state says"],
  ["validate", { state: "failed" }, "is validated"],
  ["secrets populate", 1, "reads secrets that were put"],
  ["rollback", { status: "failed" }, "goes back"],
  ["destroy", { status: "failed" }, "is destroyed"],
])("a stack whose %s comes to %o fails there, and nothing after it is run", async (command, answer, name) => {
  const results = await outcomes({ [command]: answer });
  expect(results.find(({ state }) => state === "failed")?.name).toBe(name);
  const after = results.slice(results.findIndex(({ state }) => state === "failed") + 1);
  expect(after.every(({ state }) => state === "not-run")).toBe(true);
});

test("every scenario is a command that there is, with options that it has, and the plugin is that of infra/", async () => {
  const program = await wholeProgram();
  for (const { argv } of scenariosOf("shop/sandbox", { destroys: true })) {
    const [name, second] = argv;
    const command = program.commands.find((one) => one.name() === name);
    const inner = command?.commands.find((one) => one.name() === second);
    const options = (inner ?? command)?.options.map((option) => option.long) ?? [];
    for (const word of argv.filter((one) => one.startsWith("--")))
      expect(options, argv.join(" ")).toContain(word);
  }
  const infra = JSON.parse(
    await readFile(path.resolve(import.meta.dirname, "../../infra/package.json"), "utf8"),
  ) as {
    dependencies: Record<string, string>;
  };
  expect(infra.dependencies["@pulumi/aws"]).toBe(PROVIDER_VERSION);
});

test("values of secrets are in no argument, and are others each time", () => {
  const [one, two] = [scenariosOf("a/b", { destroys: false }), scenariosOf("a/b", { destroys: false })];
  const input = one.find((scenario) => scenario.input !== undefined)?.input ?? "";
  const values = Object.values(JSON.parse(input) as Record<string, Record<string, string>>).flatMap(
    Object.values,
  );
  expect(values).toHaveLength(4);
  const words = one.flatMap(({ argv }) => argv);
  expect(words.filter((word) => values.includes(word))).toEqual([]);
  expect(input).not.toBe(two.find((scenario) => scenario.input !== undefined)?.input);
  expect(one.map(({ name }) => name)).not.toContain("is destroyed");
});
