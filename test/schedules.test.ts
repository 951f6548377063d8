import { readFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CliServer } from "./cli-server.ts";
import { REPOSITORY, slipway, startCliServer } from "./cli-server.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { register } from "./helpers/ledger-project.ts";
import { openShelf, writeShelfProject } from "./helpers/shelf-project.ts";
import { writeProject } from "./helpers/trivial-project.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { listening, startWorkerOf } from "./helpers/worker.ts";

const ENDS_WITHIN_MS = 120_000;

/** The command lines of a page, in order, as their arguments. */
function commandsOf(page: string): string[][] {
  const text = readFileSync(path.join(REPOSITORY, "docs", page), "utf8");
  return [...text.matchAll(/^```sh\n([\s\S]*?)^```/gm)]
    .flatMap(([, block = ""]) => block.trim().split("\n"))
    .map((line) => [...line.matchAll(/"([^"]*)"|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? ""));
}

describe("the page about schedules", () => {
  let api: TestApi;
  let worker: TestWorker;
  beforeAll(async () => {
    api = await startTestApi();
    const shelf = openShelf(path.join(api.root, "shelf"));
    const folder = writeShelfProject(path.join(api.root, "shop"), "shop", { shelf, items: { one: "first" } });
    await register(api, "shop", folder, ["production"]);
    worker = await startWorkerOf(api);
  });
  afterAll(async () => {
    await worker?.stop();
    await api?.close();
  });

  test("has only commands that work as they stand there", async () => {
    const env = { SLIPWAY_URL: await listening(api), SLIPWAY_TOKEN: api.token };
    const deployed = await slipway(["deploy", "--stack", "shop/production"], { env });
    expect(deployed.exitCode, deployed.stdout + deployed.stderr).toBe(0);
    const commands = commandsOf("schedules.md");
    expect(commands.length).toBeGreaterThan(10);
    for (const [program, ...argv] of commands) {
      expect(program).toBe("slipway");
      const done = await slipway(argv, { env });
      expect(done.exitCode, `slipway ${argv.join(" ")}\n${done.stdout}${done.stderr}`).toBe(0);
      if (argv[0] === "drift" && argv[1] !== "list") expect(done.stdout).toContain("clean: checked");
      if (argv[1] === "next") expect(done.stdout).toMatch(/ 0[23]:\d\d:\d\d \+0[12]:00/);
    }
    const left = await slipway(["schedules", "list", "shop/production", "--json"], { env });
    expect(JSON.parse(left.stdout)).toEqual([]);
  });
});

describe("a real server", () => {
  let server: CliServer;
  beforeAll(async () => {
    server = await startCliServer();
  });
  afterAll(() => server?.stop());

  test("queues what a schedule asks for when its time has come, and says so on the command line", async () => {
    const env = { SLIPWAY_URL: server.url, SLIPWAY_TOKEN: server.token };
    const run = async (...argv: string[]) => {
      const done = await slipway(argv, { env });
      expect(done.exitCode, `${argv.join(" ")}\n${done.stdout}${done.stderr}`).toBe(0);
      return done.stdout;
    };
    const folder = writeProject(path.join(server.projects, "timed"), "timed");
    await run("projects", "create", "timed", "--folder", folder);
    await run("stacks", "create", "timed/test");
    const at = new Date(Date.now() + 6_000).toISOString();
    await run("schedules", "create", "soon", "--stack", "timed/test", "--at", at);
    const shown = await eventually("the slot is queued", ENDS_WITHIN_MS, async () => {
      const one = JSON.parse(await run("schedules", "show", "soon", "--stack", "timed/test", "--json"));
      return one.slots.length > 0 && one;
    });
    expect(shown).toMatchObject({
      nextAt: null,
      slots: [{ slot: at, outcome: "queued", deployment: { number: 1, status: "queued" } }],
    });
    expect(await run("schedules", "show", "soon", "--stack", "timed/test")).toContain("#1 queued");
    const refused = await slipway(
      ["schedules", "create", "often", "--stack", "timed/test", "--cron", "* * * * *"],
      { env },
    );
    expect(refused.exitCode).toBe(8);
    expect(refused.stderr).toContain("300 s is the shortest");
  });
});
