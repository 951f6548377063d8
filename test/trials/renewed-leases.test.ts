import { spawn } from "node:child_process";
import path from "node:path";
import { expect, test } from "vitest";
import { pulumiEnvironment } from "../../automation/src/engine/pulumi-cli/environment.ts";
import { pulumiForTests } from "../../automation/src/engine/pulumi-cli/testing.ts";
import { reapExpiredUpdates } from "../../automation/src/state/reap.ts";
import { startTestApi } from "../helpers/api.ts";
import { writeLedgerProject } from "../helpers/ledger-project.ts";
import { linkPackages, startTestCli } from "../helpers/pulumi-cli.ts";
import { namesOf, updateAudit } from "../helpers/state-client.ts";

/**
 * The CLI takes every lease for one of 300 s and renews with the first request after half of that, however short the server says it is: a shorter one than
 * this it would lose.
 */
const LEASE_MS = 160_000;
/** One after the other, so that there is a request every few seconds. */
const CREATE_MS = 3_000;
/** Longer than two leases. */
const CREATES = Math.ceil((2 * LEASE_MS + 4_000) / CREATE_MS);
const UPDATE_MS = CREATES * CREATE_MS;

test(
  "T12: a pulumi up that takes longer than two leases renews them, keeps its stack, and completes",
  async () => {
    const installation = await pulumiForTests();
    const api = await startTestApi({ timing: { leaseMs: LEASE_MS } });
    const cli = await startTestCli(api);
    const stopping = new AbortController();
    const { db, keyring, logger } = api.dependencies;
    const reaping = reapExpiredUpdates({ db, keyring, logger, everyMs: 200 }, stopping.signal);
    try {
      const texts = Array.from({ length: CREATES }, (_, n) => `entry${n}`);
      const ledger = path.join(cli.home, "long.ledger");
      const folder = linkPackages(
        writeLedgerProject(cli.folder("long"), "long", { version: "v1", ledger, delayMs: CREATE_MS, texts }),
      );
      await cli.succeed(["stack", "init", "dev"], { cwd: folder });
      cli.requests();
      const child = spawn(
        installation.path,
        ["up", "--yes", "--skip-preview", "--parallel", "1", "--stack", "dev"],
        {
          cwd: folder,
          env: {
            ...pulumiEnvironment(installation),
            HOME: cli.home,
            PULUMI_HOME: path.join(cli.home, ".pulumi"),
            NO_COLOR: "1",
            SLIPWAY_TEST_MARK: process.env.SLIPWAY_TEST_MARK ?? "",
          },
          stdio: ["ignore", "pipe", "pipe"],
        },
      );
      let text = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (more: string) => {
          text += more;
        });
      }
      const started = performance.now();
      const code = await new Promise((resolve) => child.once("close", resolve));
      expect(code, text).toBe(0);
      expect(performance.now() - started).toBeGreaterThan(2 * LEASE_MS);
      const renewals = cli.requests().filter((line) => line.includes("/renew_lease"));
      expect(renewals.length).toBeGreaterThanOrEqual(2);
      expect(renewals.every((line) => line.endsWith(" 200"))).toBe(true);
      const update = await db
        .selectFrom("updates")
        .selectAll()
        .where("number", "=", 1)
        .executeTakeFirstOrThrow();
      expect(update.status).toBe("succeeded");
      expect(await namesOf(api, update.stack_id)).toEqual(expect.arrayContaining(texts));
      expect(await updateAudit(api, "default/long/dev")).toEqual(["update.started", "update.succeeded"]);
    } finally {
      stopping.abort();
      await reaping;
      await cli.close();
      await api.close();
    }
  },
  UPDATE_MS + 240_000,
);
