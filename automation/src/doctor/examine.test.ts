import { chmodSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import path from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { temporaryFolder } from "../../../test/helpers/folders.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import { readStartConfig } from "../config.ts";
import { checkDatabase } from "./database.ts";
import { examine } from "./examine.ts";
import { checkDisk, checkPort } from "./machine.ts";
import { checkNode, checkPulumi } from "./programs.ts";

async function listen(status: number): Promise<number> {
  const server = createServer((_request, response) => response.writeHead(status).end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(
    () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

test("everything is looked at, and every finding that is not ok says what to do", async () => {
  const config = readStartConfig({ SLIPWAY_DATA_DIR: temporaryFolder("doctor") });
  const checks = await examine(config, process.env);
  const names = [
    "node",
    "npm",
    "git",
    "pulumi",
    "containment",
    "database",
    "wrapping key",
    "disk",
    `port ${config.port}`,
  ];
  expect(checks.map((check) => check.name)).toEqual(names);
  for (const check of checks) expect(check.remedy === undefined).toBe(check.status === "ok");
});

test("an old Node is a failure", () => {
  expect(checkNode("20.20.2").status).toBe("fail");
  expect(checkNode("24.0.0").status).toBe("ok");
});

test("a Pulumi CLI that is too old is named with the reason", async () => {
  const folder = temporaryFolder("old-pulumi");
  writeFileSync(path.join(folder, "pulumi"), "#!/bin/sh\necho v3.100.0\n");
  chmodSync(path.join(folder, "pulumi"), 0o755);
  const env = { PATH: `${folder}:/usr/bin:/bin`, HOME: folder, XDG_CACHE_HOME: folder };
  expect(await checkPulumi(env)).toMatchObject({
    status: "fail",
    detail: expect.stringContaining("PATH: its version 3.100.0 is too old"),
  });
});

test("no Pulumi CLI at all is a failure that says how to get one", async () => {
  const folder = temporaryFolder("no-pulumi");
  const found = await checkPulumi({ PATH: folder, HOME: folder, XDG_CACHE_HOME: folder });
  expect(found).toMatchObject({ status: "fail", detail: "not found" });
  expect(found.remedy).toContain("npm start");
});

test("the schema level of the database is compared with the program's", async () => {
  const migrated = await testPostgres().freshDatabase();
  const empty = await testPostgres().freshDatabase({ empty: true });
  const level = async (url: string) => (await checkDatabase(readStartConfig({ DATABASE_URL: url }))).at(-1);
  expect(await level(migrated.url)).toMatchObject({ name: "schema", status: "ok" });
  expect(await level(empty.url)).toMatchObject({
    status: "fail",
    detail: expect.stringMatching(/^version 0 of \d+$/),
  });
  await migrated.drop();
  await empty.drop();
});

test("a database that does not answer is a failure without its password", async () => {
  const config = readStartConfig({ DATABASE_URL: "postgres://someone:hunter2@127.0.0.1:9/slipway" });
  const [check] = await checkDatabase(config);
  expect(check).toMatchObject({ name: "database", status: "fail" });
  expect(JSON.stringify(check)).not.toContain("hunter2");
});

test("a port is free, Slipway's own, or somebody else's", async () => {
  expect(await checkPort({ host: "127.0.0.1", port: await listen(200) })).toMatchObject({ status: "ok" });
  expect(await checkPort({ host: "127.0.0.1", port: await listen(503) })).toMatchObject({ status: "warn" });
  expect(await checkPort({ host: "127.0.0.1", port: await listen(404) })).toMatchObject({
    status: "fail",
    detail: expect.stringContaining(`by process ${process.pid}`),
  });
});

test("the disk of a data folder that is not there yet is that of the folder above", () => {
  const folder = temporaryFolder("disk");
  expect(checkDisk(path.join(folder, "not", "there")).detail).toContain(`free at ${folder}`);
});
