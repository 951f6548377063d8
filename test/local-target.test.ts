import { execFileSync } from "node:child_process";
import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { ProcessView } from "../infra/providers/local/contract.ts";
import { temporaryFolder } from "./helpers/folders.ts";
import { testPostgres } from "./helpers/postgres.ts";
import { trial as longTest } from "./helpers/trial.ts";
import { bundleOf, fakeServer, isRunning, startKeeperProcess, trial } from "./local-target-support.ts";

const SECRET = "swordfish-50817-not-to-be-seen";

const program = `
  import pulumi from "@pulumi/pulumi";
  import { Endpoint } from "#infra/components/local/endpoint.ts";
  import { Process } from "#infra/components/local/process.ts";
  import { StaticSite } from "#infra/components/local/static-site.ts";
  const config = new pulumi.Config();
  const api = new Process("api", {
    name: "api",
    bundle: config.requireObject("api"),
    command: ["node", "server.mjs"],
    environment: { SECRET: pulumi.secret("${SECRET}"), LABEL: config.get("label") ?? "a" },
    healthTimeoutSeconds: 5,
  });
  const desk = new StaticSite("desk", { name: "desk", bundle: config.requireObject("desk"), runtimeConfig: { apiUrl: "/api" } });
  const web = new Endpoint("web", {
    name: "web",
    routes: [{ path: "/", upstream: desk.url }, { path: "/api", upstream: api.url }],
  });
  export const url = web.url;
`;
const ProcessList = z.object({ processes: z.array(ProcessView) });

async function setUp() {
  const folder = temporaryFolder("local-target");
  const dataDir = path.join(folder, "data");
  const keeper = await startKeeperProcess(dataDir);
  const stack = await trial(folder, program, keeper.socket);
  const bundle = async (name: string, files: Record<string, string>) => {
    const made = await bundleOf(path.join(folder, name), files);
    stack.set(name, JSON.stringify(made));
    return made;
  };
  const api = await bundle("api", { "server.mjs": fakeServer("v1") });
  const desk = await bundle("desk", { "index.html": "desk v1" });
  const succeed = async (...args: string[]) => {
    const { code, output } = await stack.pulumi(...args);
    expect(code, output).toBe(0);
    return output;
  };
  const running = async () =>
    (await keeper.client.call("GET", "/v1/processes", undefined, ProcessList)).processes;
  return { folder, dataDir, keeper, stack, api, desk, succeed, running };
}

const textOf = async (url: string) => await (await fetch(url)).text();

longTest(
  "a preview shows what is not known yet and touches nothing; an update makes it; a second one has nothing to do",
  async () => {
    const { succeed, stack, running } = await setUp();
    expect(await succeed("preview", "--diff")).toMatch(/upstream: \[unknown\]/);
    expect(await running()).toEqual([]);
    await succeed("up", "--yes", "--skip-preview");
    const url = await stack.output("url");
    expect([await textOf(url), await textOf(`${url}/api`)]).toEqual(["desk v1", "v1"]);
    expect(await succeed("preview", "--expect-no-changes")).toContain("4 unchanged");

    stack.set("label", "b");
    const preview = await succeed("preview", "--diff");
    expect(preview).toMatch(/LABEL\s*: "a" => "b"/);
    expect(preview).toMatch(/slipway-local:index:Process: \(replace\)/);
    // The endpoint stays where it is, so its address is known.
    expect(preview).not.toMatch(/url\s*:.*\[unknown\]/);
    await succeed("destroy", "--yes", "--skip-preview");
    expect(await running()).toEqual([]);
  },
);

longTest(
  "a killed process shows up in refresh as gone, and the next update replaces it behind the same endpoint",
  async () => {
    const { succeed, stack, running } = await setUp();
    await succeed("up", "--yes", "--skip-preview");
    const url = await stack.output("url");
    const [before] = await running();
    process.kill(before?.pid ?? 0, "SIGKILL");
    const drift = await stack.pulumi("refresh", "--preview-only", "--expect-no-changes");
    expect(drift.code, drift.output).not.toBe(0);
    expect(drift.output).toMatch(/-\s+slipway-local:index:Process api delete/);
    await succeed("refresh", "--yes", "--skip-preview");
    await succeed("up", "--yes", "--skip-preview");
    expect(await textOf(`${url}/api`)).toBe("v1");
    expect(await running()).toHaveLength(1);
    await succeed("destroy", "--yes", "--skip-preview");
  },
);

longTest(
  "an edited file of a site or of a process shows up in refresh, and the next update brings the released bytes back",
  async () => {
    const { succeed, stack, dataDir, desk, api } = await setUp();
    await succeed("up", "--yes", "--skip-preview");
    const url = await stack.output("url");
    for (const [bundle, file] of [
      [desk, "index.html"],
      [api, "server.mjs"],
    ] as const) {
      const copy = path.join(dataDir, "keeper/bundles", bundle.digest.slice("sha256:".length), file);
      chmodSync(copy, 0o644);
      writeFileSync(copy, "defaced");
    }
    expect(await textOf(url)).toBe("defaced");
    const drift = await succeed("refresh", "--yes", "--skip-preview");
    expect(drift).toMatch(/~\s+slipway-local:index:StaticSite desk updated.*bundle/);
    expect(drift).toMatch(/~\s+slipway-local:index:Process api updated.*bundle/);
    await succeed("up", "--yes", "--skip-preview");
    expect([await textOf(url), await textOf(`${url}/api`)]).toEqual(["desk v1", "v1"]);
    await succeed("destroy", "--yes", "--skip-preview");
  },
);

longTest(
  "a failed deployment leaves the old process serving, shows the end of the log, and hides the secrets in it",
  async () => {
    const { succeed, stack, folder, running } = await setUp();
    await succeed("up", "--yes", "--skip-preview");
    const url = await stack.output("url");
    const loud = await bundleOf(path.join(folder, "loud"), {
      "server.mjs": "console.log('cannot use ' + process.env.SECRET); process.exit(4)",
    });
    stack.set("api", JSON.stringify(loud));
    const failed = await stack.pulumi("up", "--yes", "--skip-preview");
    expect(failed.code).not.toBe(0);
    expect(failed.output).toContain("ended (exit code 4) before it was healthy");
    expect(failed.output).toContain("cannot use [secret]");
    expect(failed.output).not.toContain(SECRET);
    expect(await textOf(`${url}/api`)).toBe("v1");
    expect(await running()).toHaveLength(1);
    await succeed("destroy", "--yes", "--skip-preview");
  },
);

test("a secret value is nowhere in clear: not in the state, not in the keeper's log, not in any command line", async () => {
  const { succeed, stack, keeper, running } = await setUp();
  await succeed("up", "--yes", "--skip-preview");
  const [api] = await running();
  expect(await textOf(`${api?.url}/secret-length`)).toBe(String(SECRET.length));
  expect(readFileSync(stack.stateFile, "utf8")).toMatch(/"LABEL":\s*"a"/);
  expect(readFileSync(stack.stateFile, "utf8")).not.toContain(SECRET);
  expect(keeper.output()).not.toContain(SECRET);
  const everything = execFileSync("ps", ["-axww", "-o", "args="], { encoding: "utf8" });
  expect(everything).not.toContain(SECRET);
  expect(readFileSync(`/proc/${api?.pid}/environ`, "utf8")).not.toContain(SECRET);
  await succeed("destroy", "--yes", "--skip-preview");
});

test("wrong inputs are refused before anything is touched, all of them at once", async () => {
  const { stack, running } = await setUp();
  stack.set("api", JSON.stringify({ path: "relative", digest: "md5:1" }));
  const { code, output } = await stack.pulumi("up", "--yes", "--skip-preview");
  expect(code).not.toBe(0);
  expect(output).toContain("must be an absolute path");
  expect(output).toContain("must be sha256: and 64 hex digits");
  expect(await running()).toEqual([]);
});

longTest(
  "without a keeper the error says how to start it, and a keeper that was killed in between takes up where it was",
  async () => {
    const { succeed, stack, keeper, dataDir, running } = await setUp();
    await succeed("up", "--yes", "--skip-preview");
    const [before] = await running();
    await keeper.end("SIGKILL");
    const refused = await stack.pulumi("refresh", "--yes", "--skip-preview");
    expect(refused.code).not.toBe(0);
    expect(refused.output).toContain("The keeper is not running");
    expect(refused.output).toContain("npm start");
    expect(before !== undefined && isRunning(before)).toBe(true);

    await startKeeperProcess(dataDir);
    expect(await succeed("refresh", "--yes", "--skip-preview", "--expect-no-changes")).toContain(
      "4 unchanged",
    );
    await succeed("destroy", "--yes", "--skip-preview");
  },
);

test("a database's connection string is a secret of the state, and its data outlive a destroy", async () => {
  const folder = temporaryFolder("local-target-db");
  const { keeperUrl, adminUrl } = testPostgres();
  const keeper = await startKeeperProcess(path.join(folder, "data"), {
    SLIPWAY_KEEPER_DATABASE_URL: keeperUrl,
  });
  const name = `trial_${process.pid}`;
  const stack = await trial(
    folder,
    `import { Database } from "#infra/components/local/database.ts";
     export const url = new Database("db", { name: "${name}" }).connectionUrl;`,
    keeper.socket,
  );
  const succeed = async (...args: string[]) => {
    const { code, output } = await stack.pulumi(...args, "--yes", "--skip-preview");
    expect(code, output).toBe(0);
    return output;
  };
  const { default: pg } = await import("pg");
  const query = async (url: string, sql: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  };
  try {
    expect(await succeed("up")).toContain("url: [secret]");
    const url = await stack.output("url");
    expect(readFileSync(stack.stateFile, "utf8")).not.toContain(new URL(url).password);
    await query(url, "create table kept as select 7 as id");
    await succeed("destroy");
    await succeed("up");
    expect(await query(await stack.output("url"), "select id from kept")).toEqual([{ id: 7 }]);

    await query(adminUrl, `drop database ${name}`);
    expect(await succeed("refresh")).toMatch(/-\s+slipway-local:index:Database db deleted/);
    await succeed("up");
    expect(await query(await stack.output("url"), "select 1 as one")).toEqual([{ one: 1 }]);
    await succeed("destroy");
  } finally {
    await query(adminUrl, `drop database if exists ${name}`);
    await query(adminUrl, `drop role if exists ${name}`);
  }
});
