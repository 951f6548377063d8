import path from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { PULUMI_VERSION } from "../automation/src/engine/pulumi-cli/installation.ts";
import { pulumiForTests } from "../automation/src/engine/pulumi-cli/testing.ts";
import type { TestApi } from "./helpers/api.ts";
import { startTestApi } from "./helpers/api.ts";
import { OLDEST_BUILD_LIMIT_MS, OLDEST_VERSION, oldestPulumi } from "./helpers/oldest-pulumi.ts";
import type { TestCli } from "./helpers/pulumi-cli.ts";
import { linkPackages, startTestCli } from "./helpers/pulumi-cli.ts";
import { askServiceApi } from "./helpers/service-api.ts";
import { writeProject } from "./helpers/trivial-project.ts";

/*
 * What has to work with every supported CLI alike: the newest and the oldest.
 */

const PROGRAM = `import pulumi from "@pulumi/pulumi";
for (const name of ["one", "two", "three"]) new pulumi.ComponentResource("shop:index:Shelf", name, {}, { protect: name === "two" });
export const version = "v1";
`;

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
});
afterAll(async () => {
  await api.close();
});

describe.each([
  { version: PULUMI_VERSION, find: pulumiForTests },
  { version: OLDEST_VERSION, find: oldestPulumi },
])("pulumi $version", ({ version, find }) => {
  let cli: TestCli;
  let missing: string | null = null;

  beforeAll(async () => {
    const installation = await find();
    if ("missing" in installation) {
      missing = installation.missing;
      if (process.env.CI === "true") throw new Error(missing);
      return;
    }
    cli = await startTestCli(api, { installation });
  }, OLDEST_BUILD_LIMIT_MS);
  afterAll(async () => {
    if (missing === null) await cli.close();
  });

  /** Runs a scenario in a project of its own, or skips it with the reason. */
  function scenario(name: string, work: (project: string, folder: string) => Promise<void>): void {
    test(name, async ({ skip }) => {
      if (missing !== null) {
        console.log(`skipped: ${name} (${missing})`);
        skip(missing);
      }
      const project = `${name.slice(0, 3).toLowerCase()}-${version.replaceAll(".", "-")}`;
      const folder = linkPackages(writeProject(cli.folder(project), project, { "index.js": PROGRAM }));
      cli.requests();
      await work(project, folder);
    });
  }

  scenario(
    "T17: history, tags, rename, edits of the state and removal work, and each asks for nothing that is not there",
    async (project, cwd) => {
      const urn = (stack: string, name: string) =>
        `urn:pulumi:${stack}::${project}::shop:index:Shelf::${name}`;
      await cli.succeed(["stack", "init", "dev"], { cwd });
      expect(cli.requests().at(-1)).toBe(`POST /api/stacks/default/${project} 200`);
      await cli.succeed(["up", "--yes", "--skip-preview"], { cwd });
      await cli.succeed(["stack", "tag", "set", "team", "a"], { cwd });
      await cli.succeed(["stack", "tag", "rm", "pulumi:runtime"], { cwd });
      const tags = await cli.succeed(["stack", "tag", "ls", "--json"], { cwd });
      expect(JSON.parse(tags.stdout)).toEqual({ "pulumi:project": project, team: "a" });

      await cli.succeed(["state", "unprotect", "--yes", urn("dev", "two")], { cwd });
      await cli.succeed(["state", "rename", "--yes", urn("dev", "one"), "uno"], { cwd });
      await cli.succeed(["state", "delete", "--yes", urn("dev", "three")], { cwd });
      await cli.succeed(["stack", "rename", "prod"], { cwd });
      const { stdout } = await cli.succeed(["stack", "export"], { cwd });
      const state = JSON.parse(stdout) as { deployment: { resources: { urn: string; protect?: boolean }[] } };
      expect(state.deployment.resources.map((resource) => resource.urn).sort()).toEqual(
        [
          `urn:pulumi:prod::${project}::pulumi:pulumi:Stack::${project}-prod`,
          urn("prod", "uno"),
          urn("prod", "two"),
        ].sort(),
      );
      expect(state.deployment.resources.filter(({ protect }) => protect === true)).toEqual([]);
      const history = await cli.succeed(["stack", "history", "--json"], { cwd });
      expect((JSON.parse(history.stdout) as { kind: string }[]).map(({ kind }) => kind)).toEqual([
        "import",
        "import",
        "import",
        "import",
        "update",
      ]);
      expect(cli.requests().filter((line) => / [45]\d\d$/.test(line))).toEqual([]);

      const refused = await cli.run(["stack", "rm", "--yes"], { cwd });
      expect(refused.text).toMatch(/still has resources/);
      await cli.succeed(["destroy", "--yes"], { cwd });
      await cli.succeed(["stack", "rm", "--yes"], { cwd });
      expect((await api.ask("GET", `/v1/stacks/default/${project}/prod`)).status).toBe(404);
    },
  );

  scenario(
    "T23: the export of an empty stack is taken by every command that reads it, in both forms",
    async (project, cwd) => {
      const forms = {
        // What Slipway answers before the first state: the deployment is null.
        nothing: null,
        manifest:
          '{"version":3,"deployment":{"manifest":{"time":"0001-01-01T00:00:00Z","magic":"","version":""},"metadata":{}}}',
      };
      for (const [form, text] of Object.entries(forms)) {
        await cli.succeed(["stack", "init", form], { cwd });
        if (text !== null) {
          const sent = await askServiceApi(cli.url, "POST", `/api/stacks/default/${project}/${form}/import`, {
            authorization: `token ${api.token}`,
            body: text,
          });
          expect(sent.status).toBe(200);
        }
        const file = path.join(cwd, `${form}.json`);
        for (const args of [
          ["stack"],
          ["stack", "output"],
          ["stack", "graph", path.join(cwd, "graph.dot")],
          ["stack", "export", "--file", file],
          ["stack", "import", "--file", file],
          ["preview"],
          ["refresh", "--yes"],
          ["destroy", "--yes"],
          ["stack", "change-secrets-provider", "default"],
          ["stack", "rename", `${form}-2`],
          ["stack", "rm", "--yes"],
        ]) {
          const ran = await cli.run([...args, "--non-interactive"], { cwd });
          expect(ran.code, `${form}: pulumi ${args.join(" ")}: ${ran.text}`).toBe(0);
          expect(ran.text).not.toMatch(/panic|integrity/);
        }
      }
    },
  );
});
