import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/helpers/longest-first.ts";

/** End-to-end tests start real clusters, builds and engines. */
const END_TO_END_TIMEOUT_MS = 180_000;
const UNIT_TIMEOUT_MS = 30_000;

/** Files beside the code whose subject is SQL or the database itself. */
const DATABASE_TESTS = [
  "automation/src/{database,postgres}/**/*.test.ts",
  "automation/src/**/{store,routes,*-store,*-routes}.test.ts",
];

/** Files that measure rates and times: another file beside them would be measured too. */
const ALONE_TESTS = ["test/{bootstrap,local-target-load}.test.ts"];

const shared = {
  globalSetup: ["test/helpers/run-folder-setup.ts", "test/helpers/postgres-setup.ts"],
  setupFiles: ["test/helpers/leaks.ts"],
  exclude: ["**/node_modules/**", "**/dist/**", "test/fixtures/**"],
};

/** Files that take long for what they add to the others: only among the trials. */
const LONG_TESTS = [
  "test/{aws-engine,deployment-faults,earlier-state,faults-programs,interrupted-database,laptop-faults,large-events,many-machines,many-machines-docs,notifications-deployments,onboarding-first-run,onboarding-leaving,operation-versions,rollback-offline,server-restarts,state-cli-versions,state-import-killed,state-import-s3,state-old-cli,state-references}.test.ts",
];

/** What `npm run trials` runs: long files, and the long forms of files whose short ones are among the end-to-end tests. */
const TRIALS = [
  ...LONG_TESTS,
  "test/trials/*.test.ts",
  "test/browser/{approvals,notifications,pages,preview,queue,readiness,schedules,state-runs}.test.ts",
  "test/{cancel,drain,drift,engine-containment,faults,interrupted,language-host,local-target,notifications-faults,onboarding-triggers,rollback,rollback-holds,state-writers-cli,state-writers-race,tour}.test.ts",
];

export default defineConfig({
  test: {
    // A process per file, so that what a file leaves behind can be told from what others do.
    pool: "forks",
    // Two more than cores: most of these tests wait for leases, engines and providers that take their time.
    maxWorkers: 4,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          ...shared,
          name: "unit",
          include: ["{automation,bench,infra,scripts,services,frontend}/**/*.test.{ts,tsx}"],
          exclude: [...shared.exclude, ...DATABASE_TESTS],
          testTimeout: UNIT_TIMEOUT_MS,
          hookTimeout: UNIT_TIMEOUT_MS,
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: "database",
          include: DATABASE_TESTS,
          testTimeout: UNIT_TIMEOUT_MS,
          hookTimeout: UNIT_TIMEOUT_MS,
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: "e2e",
          include: ["test/**/*.test.ts"],
          exclude: [...shared.exclude, ...ALONE_TESTS, ...LONG_TESTS, "test/browser/**", "test/trials/**"],
          testTimeout: END_TO_END_TIMEOUT_MS,
          hookTimeout: END_TO_END_TIMEOUT_MS,
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: "browser",
          include: ["test/browser/**/*.test.ts"],
          testTimeout: END_TO_END_TIMEOUT_MS,
          hookTimeout: END_TO_END_TIMEOUT_MS,
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: "alone",
          include: ALONE_TESTS,
          fileParallelism: false,
          // After the other projects when they run together.
          sequence: { groupOrder: 1 },
          testTimeout: END_TO_END_TIMEOUT_MS,
          hookTimeout: END_TO_END_TIMEOUT_MS,
        },
      },
      {
        extends: true,
        test: {
          ...shared,
          name: "trials",
          include: TRIALS,
          env: { SLIPWAY_TRIALS: "full" },
          testTimeout: END_TO_END_TIMEOUT_MS,
          hookTimeout: END_TO_END_TIMEOUT_MS,
        },
      },
    ],
  },
});
