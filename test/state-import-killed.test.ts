import { cpSync } from "node:fs";
import type { AddressInfo, Socket } from "node:net";
import { createConnection, createServer } from "node:net";
import path from "node:path";
import { execa } from "execa";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AnswerBody, TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import type { TestCli } from "./helpers/pulumi-cli.ts";
import { startTestCli } from "./helpers/pulumi-cli.ts";
import { digestOfTables } from "./helpers/service-api.ts";
import { diyProject, importFrom, makeDiyStack } from "./state-import-support.ts";

/*
 * An import whose process is killed while it sends its second stack.
 */

const SLIPWAY = path.resolve(import.meta.dirname, "../automation/src/cli.ts");
const IMPORT = "POST /v1/state-imports?";

let api: TestApi;
let cli: TestCli;
beforeAll(async () => {
  api = await startTestApi();
  cli = await startTestCli(api);
});
afterAll(async () => {
  await cli.close();
  await api.close();
});

/** Passes connections on until the second import begins: of that only the head and a few bytes go on, and `onSecond` is called. */
async function startCuttingProxy(port: number, onSecond: () => void) {
  let seen = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = createConnection({ host: "127.0.0.1", port });
    let isCut = false;
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on("error", () => {
        // One end is killed by design.
      });
      socket.once("close", () => {
        open.delete(socket);
        client.destroy();
        upstream.destroy();
      });
    }
    upstream.pipe(client);
    client.on("data", (chunk: Buffer) => {
      if (isCut) return;
      // The server answers under its own name only.
      const named = Buffer.from(
        chunk.toString("latin1").replace(/^host: .*$/im, `host: 127.0.0.1:${port}`),
        "latin1",
      );
      if (named.toString("latin1").startsWith(IMPORT)) seen += 1;
      if (seen < 2) {
        upstream.write(named);
        return;
      }
      isCut = true;
      upstream.write(named.subarray(0, named.length - 10));
      onSecond();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of open) socket.destroy();
      return new Promise((resolve) => server.close(resolve));
    },
  };
}

test("an import that is killed half-way leaves whole stacks only, and the next one brings the rest", async () => {
  const shop = diyProject(cli, "shop", { backend: "org" });
  const billing = diyProject(cli, "billing", { backend: "org" });
  await makeDiyStack(cli, shop, "dev");
  await makeDiyStack(cli, billing, "prod");
  const backend = cli.folder("copy");
  cpSync(shop.backend, backend, { recursive: true, preserveTimestamps: true });
  const from = `file://${backend}`;

  const killing = new AbortController();
  const proxy = await startCuttingProxy(Number(new URL(cli.url).port), () => killing.abort());
  const killed = await execa(process.execPath, [SLIPWAY, "state", "import", "--from", from, "--json"], {
    cwd: cli.home,
    env: {
      SLIPWAY_URL: `http://127.0.0.1:${proxy.port}`,
      SLIPWAY_TOKEN: api.token,
      XDG_CONFIG_HOME: cli.folder("config"),
    },
    stdin: "ignore",
    reject: false,
    cancelSignal: killing.signal,
    killSignal: "SIGKILL",
  });
  await proxy.close();
  expect(
    killing.signal.aborted,
    `the second import never began: ${killed.exitCode}\n${killed.stdout}\n${killed.stderr}`,
  ).toBe(true);

  const stacksOf = async (): Promise<string[]> =>
    (await api.ask("GET", "/v1/stacks")).body.items.map(
      ({ project, name }: AnswerBody) => `${project}/${name}`,
    );
  expect(await stacksOf()).toEqual(["billing/prod"]);
  const { rows } = await sql`
    select u.id from updates u left join states s on s.update_id = u.id left join state_imports i on i.stack_id = u.stack_id
    where i.stack_id is null
  `.execute(api.db);
  expect(rows, "nothing is there of a stack that was not imported").toEqual([]);

  const { report, code } = await importFrom(api, cli, from);
  expect(code).toBe(0);
  expect(report.stacks.map(({ project, outcome, updates }) => [project, outcome, updates])).toEqual([
    ["billing", "already there", 3],
    ["shop", "imported", 3],
  ]);
  expect((await stacksOf()).toSorted()).toEqual(["billing/prod", "shop/dev"]);
  const before = await digestOfTables(api.db);
  expect((await importFrom(api, cli, from)).report.stacks.map(({ outcome }) => outcome)).toEqual([
    "already there",
    "already there",
  ]);
  expect(await digestOfTables(api.db)).toEqual(before);
});
