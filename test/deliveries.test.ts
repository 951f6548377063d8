import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { slipway } from "./cli-server.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { register, writeLedgerProject } from "./helpers/ledger-project.ts";
import type { TestServer } from "./helpers/server.ts";
import { startServer } from "./helpers/server.ts";
import { eventually } from "./helpers/waiting.ts";
import type { TestWorker } from "./helpers/worker.ts";
import { startWorker } from "./helpers/worker.ts";

const STACKS = ["local", "test", "eu", "us"];
const ENDS_WITHIN_MS = 120_000;

let api: TestApi;
let server: TestServer;
let worker: TestWorker;
beforeAll(async () => {
  api = await startTestApi();
  server = await startServer({ databaseUrl: api.databaseUrl, dataDir: api.dataDir, projects: api.root });
  const { dataDir, databaseUrl } = api;
  worker = await startWorker({ dataDir, databaseUrl, serverUrl: `http://127.0.0.1:${server.port}` });
});
afterAll(async () => {
  const codes = [await worker.stop(), await server.stop()];
  await api.close();
  expect(codes, worker.output() + server.output()).toEqual([0, 0]);
});

/** Runs the CLI against the server, whichever process that is now, and expects an exit code. */
async function run(exitCode: number, ...argv: string[]): Promise<string> {
  const env = { SLIPWAY_URL: `http://127.0.0.1:${server.port}`, SLIPWAY_TOKEN: api.token };
  const done = await slipway(argv, { env });
  expect(done.exitCode, `slipway ${argv.join(" ")}\n${done.stdout}${done.stderr}${server.output()}`).toBe(
    exitCode,
  );
  return done.stdout;
}

interface Shown {
  id: string;
  status: string;
  detail: string;
  stacks: { stack: string; state: string; release: number | null }[];
}
const statesOf = ({ status, stacks }: Shown): string =>
  [status, ...stacks.map(({ state }) => state)].join(" ");

test("a delivery goes on although the server is killed, stops at the first stack that is not good, and what is left can be delivered", async () => {
  const ledger = path.join(api.root, "fleet.txt");
  const folder = writeLedgerProject(path.join(api.root, "fleet"), "fleet", {
    version: "v1",
    ledger,
    more: 'if (pulumi.getStack() === "eu") throw new Error("no harbour here");',
  });
  await register(api, "fleet", folder, STACKS);
  const order = ["environments", "set", "local", "test", "eu", "us", "--project", "fleet"];
  await run(0, ...order, "--only-promoted", "test", "--only-promoted", "eu");
  // A stack of the order takes nothing from the folder.
  await run(8, "deploy", "--stack", "fleet/test");

  const waves = STACKS.flatMap((stack) => ["--wave", stack]);
  const created = JSON.parse(
    await run(0, "deliveries", "create", "--project", "fleet", ...waves, "--json"),
  ) as Shown;
  expect(statesOf(created)).toBe("running queued waiting waiting waiting");
  await eventually("the second stack was begun", ENDS_WITHIN_MS, async () => {
    const { body } = await api.ask("GET", `/v1/deliveries/${created.id}`);
    return (body as unknown as Shown).stacks[1]?.state !== "waiting";
  });
  const { port } = server;
  await server.kill();
  server = await eventually("the server runs again", ENDS_WITHIN_MS, () =>
    startServer({ databaseUrl: api.databaseUrl, dataDir: api.dataDir, projects: api.root, port }).catch(
      () => undefined,
    ),
  );
  const watched = await run(1, "deliveries", "show", created.id, "--watch");
  expect(watched).toContain("eu not good");
  expect(watched).toContain(`Delivery ${created.id} is stopped. eu is not good:`);
  const { body } = await api.ask("GET", `/v1/deliveries/${created.id}`);
  expect(statesOf(body as unknown as Shown), worker.output()).toBe("stopped good good not_good left_out");
  const untouched = await api.ask("GET", "/v1/stacks/default/fleet/us/deployments");
  expect(untouched.body.items).toEqual([]);

  const shown = await run(0, "promote", "--stack", "fleet/us", "--from", "test", "--show");
  expect(shown).toContain("Release 1 of test (good,");
  const rest = ["--project", "fleet", "--from", "test", "--wave", "us", "--watch", "--json"];
  const second = JSON.parse(await run(0, "deliveries", "create", ...rest)) as Shown;
  expect(statesOf(second), worker.output()).toBe("succeeded good");
  // The same once more, to one stack and by hand.
  const promoted = JSON.parse(
    await run(0, "promote", "--stack", "fleet/us", "--from", "test", "--json"),
  ) as Record<string, unknown>;
  expect(promoted).toMatchObject({ status: "succeeded", promotedFrom: { stack: "test", release: 1 } });

  expect(await run(0, "deliveries", "list", "--project", "fleet")).toMatch(/stopped +2 of 4/);
  await run(8, "deliveries", "cancel", created.id);
  await run(3, "deliveries", "show", "00000000-0000-4000-8000-000000000000");
  expect(await run(0, "environments", "get", "--project", "fleet")).toMatch(
    /2 +test +promotions only +1, good/,
  );
  expect(await run(0, "figures", "show", "--project", "fleet")).toMatch(/^update +\d+ /m);
  await run(0, "figures", "budgets", "build=60", "update=120", "--fails", "build", "--project", "fleet");
  expect(await run(0, "figures", "budgets", "--project", "fleet")).toMatch(
    /build +1 min, fails\nupdate +2 min/,
  );
  await run(8, "figures", "budgets", "update=1", "--fails", "update", "--project", "fleet");
});
