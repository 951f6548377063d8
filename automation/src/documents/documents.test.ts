import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { TestApi } from "../../../test/helpers/api.ts";
import { startTestApi } from "../../../test/helpers/api.ts";
import { AN_AWS_MANIFEST } from "../../../test/helpers/aws-manifest.ts";
import { recordRelease } from "../../../test/helpers/records.ts";
import { type CliRun, runSlipway, wholeProgram } from "../../../test/helpers/run-cli.ts";
import { DocumentKind } from "../contract/documents.ts";
import { commitFiles } from "./commit-files.ts";
import { COVERED_TASKS } from "./coverage-tasks.ts";
import { makeDocument } from "./make.ts";
import { readDocumentFacts } from "./store.ts";

/** Of the plan for a deployment to AWS that seed 002 is. */
const TASKS =
  "1.1 1.2 1.3 2.1 2.2 2.3 3.1 3.2 3.3 3.4 3.5 4.1 4.2 4.3 5.1 5.2 5.3 5.4 5.5 6 7.1 7.2 8.1 8.2 8.3 9.1 9.2 10.1 10.2 10.3 11.1 11.2 11.3 12.1 13.1 13.2 13.3 14.1 14.2 15 16.1 16.2 16.3 16.4 16.5 17 18.1 18.2 18.3 18.4 18.5 18.6 19.1 20".split(
    " ",
  );
const ROOT = path.resolve(import.meta.dirname, "../../..");
const SECRET = "C4n4ryOfAConfigValue";

let api: TestApi;
let stack: string;
let folder: string;
let server: string;
beforeAll(async () => {
  api = await startTestApi();
  server = await api.app.listen({ host: "127.0.0.1", port: 0 });
  folder = await mkdtemp(path.join(tmpdir(), "slipway-documents-"));
  stack = await api.makeStack("shop", "test");
  await api.ask("POST", "/v1/stacks", { body: { project: "shop", name: "production" } });
  await api.ask("PUT", "/v1/projects/default/shop/environments", {
    body: { stacks: [{ stack: "test" }, { stack: "production" }] },
  });
  await api.ask("PUT", `${stack}/config/shop:token`, { body: { value: SECRET, secret: true } });
  await release({ url: "https://shop.example" }, "the first");
  const okx = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:okx";
  await release({ manifest: { ...AN_AWS_MANIFEST, secrets: { okx } } }, "why | not `really`\n# a heading");
});
afterAll(async () => {
  await api.close();
  await rm(folder, { recursive: true, force: true });
});

async function release(outputs: Record<string, unknown>, message: string): Promise<void> {
  const { body } = await api.ask("POST", `${stack}/deployments`, { body: { operation: "update", message } });
  await recordRelease(api.db, body.id, "good", outputs);
}
const read = async (kind: string, number: number) =>
  (await api.ask("GET", `${stack}/documents/${kind}?release=${number}`)).body;

const cli = (...args: string[]): Promise<CliRun> =>
  runSlipway(["documents", ...args], {
    env: { SLIPWAY_TOKEN: api.token, SLIPWAY_URL: server, HOME: folder, XDG_CONFIG_HOME: folder },
    cwd: folder,
  });

describe("documents of a release", () => {
  test("say the same for the same records, whenever they are made, and hold no value of its config", async () => {
    for (const kind of DocumentKind.options) {
      const [first, second] = [await read(kind, 2), await read(kind, 2)];
      expect(second).toEqual(first);
      expect(first.fileName).toBe(`test-release-2-${kind}.md`);
      expect(String(first.text)).not.toContain(SECRET);
      expect(String(first.text)).not.toContain("undefined");
    }
    expect((await api.ask("GET", `${stack}/documents/summary`)).body.release).toBe(2);
    expect((await api.ask("GET", `${stack}/documents/summary?release=9`)).body.code).toBe(
      "release_not_found",
    );
  });

  test("summarise endpoints, parts, variables and manual steps; words of people stay words", async () => {
    const { text } = await read("summary", 2);
    for (const part of [
      "https://api.example/audit/health",
      AN_AWS_MANIFEST.site.url,
      "`shop:token`",
      "Put the values of the secrets (okx): `slipway secrets populate --stack shop/test` | open: okx",
      "why \\| not \\`really\\` \\# a heading",
    ])
      expect(text).toContain(part);
    expect(text).not.toMatch(/^# a heading/m);
    expect((await read("summary", 1)).text).toContain("https://shop.example");
  });

  test("tell commands that there are, with options that they have", async () => {
    const program = await wholeProgram();
    let commands = 0;
    for (const kind of DocumentKind.options) {
      const text = `${String((await read(kind, 1)).text)}\n${String((await read(kind, 2)).text)}`;
      for (const [, line = ""] of text.matchAll(/\bslipway ([a-z][^`\n|]*)/g)) {
        commands += 1;
        const words = line.split(/\s+/);
        const command = program.commands.find((one) => one.name() === words[0]);
        expect(command, `slipway ${line}`).toBeDefined();
        const inner = command?.commands.find((one) => one.name() === words[1]);
        const names = (command?.commands.length ?? 0) > 0 && /^[a-z]/.test(words[1] ?? "");
        if (names) expect(inner, `slipway ${line}`).toBeDefined();
        const options = (inner === undefined ? [command, ...(command?.commands ?? [])] : [inner]).flatMap(
          (one) => one?.options ?? [],
        );
        const known = options.map((option) => option.long);
        for (const word of words.filter((one) => one.startsWith("--") && one !== "--help"))
          expect(known, `slipway ${line}`).toContain(word.replace(/[).,;:]+$/, ""));
      }
    }
    expect(commands).toBeGreaterThan(40);
  });

  test("go back to the good release before, and on to the stack after it", async () => {
    expect((await read("runbook", 2)).text).toContain("slipway rollback --stack shop/test --to 1");
    expect((await read("runbook", 1)).text).not.toContain("--to");
    expect((await read("checklist", 2)).text).toContain(
      "slipway readiness sign-off --stack shop/production --from test --release 2",
    );
  });

  test("are made of the facts alone", async () => {
    const { rows } = {
      rows: await api.db.selectFrom("stacks").select("id").where("name", "=", "test").execute(),
    };
    const name = { organisation: "default", project: "shop", stack: "test", id: rows[0]?.id ?? "" };
    const facts = await readDocumentFacts(api.db, name, 2);
    if (facts === undefined) throw new Error("the release is there");
    const made = makeDocument("summary", facts);
    const other = makeDocument("summary", { ...facts, release: { ...facts.release, health: "bad" } });
    expect(other.digest).not.toBe(made.digest);
  });
});

describe("the list of covered tasks", () => {
  test("has every task of the plan once, in its order", () => {
    expect(COVERED_TASKS.map(({ task }) => task)).toEqual(TASKS);
  });

  test("names files of tests that there are", () => {
    const missing = COVERED_TASKS.flatMap(({ proof }) => proof).filter(
      (file) => !existsSync(path.join(ROOT, file)),
    );
    expect([...new Set(missing)]).toEqual([]);
    expect(COVERED_TASKS.filter(({ proof }) => proof.length === 0)).toEqual([]);
  });
});

test("a covered task says what of it is left to people or left out", async () => {
  const rows = String((await read("coverage", 2)).text).split("\n");
  const row = (number: string) => rows.find((line) => line.startsWith(`| ${number} |`)) ?? "";
  expect(row("11.1")).toContain("Left: each address confirms one mail of AWS");
  expect(row("3.4")).not.toContain("Left:");
  const said = COVERED_TASKS.filter(({ left }) => left !== undefined).map(({ task }) => task);
  expect(rows.filter((line) => line.includes("Left: ")).map((line) => line.split(" ")[1])).toEqual(said);
});

describe("slipway documents", () => {
  test("writes them into a folder and commits these files alone; what has not changed is no commit", async () => {
    const repository = path.join(folder, "repository");
    await mkdir(repository);
    const git = (...args: string[]) => execa("git", args, { cwd: repository });
    await git("init", "--quiet");
    await git("config", "user.name", "Ann");
    await git("config", "user.email", "ann@example.com");
    await writeFile(path.join(repository, "mine.txt"), "half done");
    await git("add", "mine.txt");
    const args = ["shop/test", "--write", "repository/docs", "--commit", "--json"];
    const first = await cli(...args);
    expect(first.code, first.printed).toBe(0);
    const { commit } = JSON.parse(first.stdout) as { commit: string };
    const { stdout: changed } = await git("show", "--name-only", "--format=%s", commit);
    expect(changed.split("\n").filter((line) => line !== "")).toEqual([
      "Document release 2 of shop/test",
      ...DocumentKind.options.map((kind) => `docs/test-release-2-${kind}.md`).sort(),
    ]);
    expect((await git("status", "--porcelain")).stdout).toBe("A  mine.txt");
    expect(JSON.parse((await cli(...args)).stdout)).toMatchObject({ commit: null });
    const written = await readFile(path.join(repository, "docs", "test-release-2-runbook.md"), "utf8");
    expect(written).toBe((await read("runbook", 2)).text);
  });

  test("needs a folder to commit, and a repository around it", async () => {
    expect((await cli("shop/test", "--commit")).code).toBe(2);
    const file = path.join(folder, "alone.md");
    await writeFile(file, "x");
    await expect(commitFiles([file], "x", new AbortController().signal)).rejects.toMatchObject({
      code: "commit_failed",
    });
  });
});
