import { randomUUID } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { sql } from "kysely";
import { pino } from "pino";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { claimStack, insertStack } from "../../../test/helpers/access.ts";
import type { TestDatabase } from "../../../test/helpers/postgres.ts";
import { testPostgres } from "../../../test/helpers/postgres.ts";
import type { OpenDatabase } from "../database.ts";
import { openDatabase } from "../database.ts";
import type { WorkerContext } from "./context.ts";
import { removeFoldersOfDeadWorkers } from "./take-over.ts";
import { attemptFolder, keepFailure } from "./work-folders.ts";

let database: TestDatabase;
let open: OpenDatabase;
let dataDir: string;
beforeAll(async () => {
  database = await testPostgres().freshDatabase();
  open = openDatabase(database.url, { applicationName: "slipway-test" });
});
afterAll(async () => {
  await open.close();
  await database.drop();
});
beforeEach(() => {
  dataDir = mkdtempSync(path.join(tmpdir(), "slipway-folders-"));
});
afterEach(() => rmSync(dataDir, { recursive: true, force: true }));

function leave(workerId: string, attemptId: string, text: string, age = 0): string {
  const folder = attemptFolder(dataDir, workerId, attemptId);
  mkdirSync(path.join(folder, "engine-1"), { recursive: true });
  writeFileSync(path.join(folder, "guardian.log"), text);
  const at = new Date(Date.now() - age);
  utimesSync(folder, at, at);
  return folder;
}
const kept = (stackId: string): string => path.join(dataDir, "failures", stackId);
const keptText = (stackId: string): string => readFileSync(path.join(kept(stackId), "guardian.log"), "utf8");

test("the folder of a failed attempt takes the place of the one before, without the engine's raw events", async () => {
  const stackId = randomUUID();
  await keepFailure(dataDir, stackId, leave("w", "one", "first", 60_000));
  await keepFailure(dataDir, stackId, leave("w", "two", "second"));
  expect(keptText(stackId)).toBe("second");
  expect(readdirSync(kept(stackId))).toEqual(["guardian.log"]);
});

test("an attempt of another machine leaves what is kept here alone, and so does one of long ago", async () => {
  const stackId = randomUUID();
  await keepFailure(dataDir, stackId, leave("w", "one", "first"));
  await keepFailure(dataDir, stackId, attemptFolder(dataDir, "elsewhere", "two"));
  const old = leave("w", "three", "long ago", 3_600_000);
  await keepFailure(dataDir, stackId, old);
  expect(keptText(stackId)).toBe("first");
  expect(existsSync(old)).toBe(false);
});

test("a machine that comes back keeps what its lost attempt left, although another machine has taken it over", async () => {
  const { stackId } = await insertStack(open.db, { project: "folders", stack: "dev" });
  const claim = await claimStack(open.db, stackId);
  const { worker_id: workerId } = await open.db
    .selectFrom("attempts")
    .select("worker_id")
    .where("id", "=", claim.attemptId)
    .executeTakeFirstOrThrow();
  leave(workerId, claim.attemptId, "what the guardian said");
  leave(workerId, randomUUID(), "a containment that waited");
  const living = randomUUID();
  leave(living, randomUUID(), "at work");
  await sql`insert into workers (id, host) values (${living}, 'test')`.execute(open.db);
  const context = { db: open.db, dataDir, workerId: randomUUID(), logger: pino({ level: "silent" }) };

  // Nobody has taken it over yet.
  await removeFoldersOfDeadWorkers(context as unknown as WorkerContext);
  expect(existsSync(attemptFolder(dataDir, workerId, claim.attemptId))).toBe(true);

  await sql`update attempts set status = 'lost', finished_at = now() where id = ${claim.attemptId}`.execute(
    open.db,
  );
  await sql`update workers set seen_at = now() - interval '2 minutes' where id = ${workerId}`.execute(
    open.db,
  );
  await removeFoldersOfDeadWorkers(context as unknown as WorkerContext);
  expect(keptText(stackId)).toBe("what the guardian said");
  expect(readdirSync(path.join(dataDir, "attempts"))).toEqual([living]);
});
