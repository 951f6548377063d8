import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { CliServer } from "./cli-server.ts";
import { REPOSITORY, slipway, startCliServer } from "./cli-server.ts";
import { ran } from "./helpers/installation.ts";

const page = readFileSync(path.join(REPOSITORY, "docs/runbooks/disk.md"), "utf8");

let server: CliServer;
beforeAll(async () => {
  server = await startCliServer();
});
afterAll(() => server.stop());

test("the commands of the page about a low disk work as they stand there", async () => {
  const bin = path.join(server.home, "bin");
  mkdirSync(bin);
  const shim = path.join(bin, "slipway");
  writeFileSync(
    shim,
    `#!/bin/sh\nexec "${process.execPath}" "${REPOSITORY}/automation/bin/slipway.mjs" "$@"\n`,
  );
  chmodSync(shim, 0o755);
  const env = {
    ...process.env,
    SLIPWAY_URL: server.url,
    SLIPWAY_TOKEN: server.token,
    PATH: `${bin}:${process.env.PATH ?? ""}`,
  };
  const blocks = [...page.matchAll(/^```sh \w+\n([\s\S]*?)^```$/gm)].map(([, text = ""]) => text);
  expect(blocks).toHaveLength(2);
  for (const block of blocks) {
    const { code, stdout, stderr } = await ran(["sh", "-ec", block], { cwd: server.home, env });
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("artifact-copies");
  }
  const shown = await slipway(["retention", "show", "--json"], {
    env: { SLIPWAY_URL: server.url, SLIPWAY_TOKEN: server.token },
  });
  const rules = JSON.parse(shown.stdout) as { category: string; limits: object; isDefault: boolean }[];
  expect(rules.find(({ category }) => category === "artifacts")).toMatchObject({
    limits: { maxAgeDays: 14, maxBytes: null },
  });
  expect(rules.find(({ category }) => category === "artifact-copies")).toMatchObject({
    limits: { maxAgeDays: 7, maxBytes: 1_000_000_000 },
    isDefault: false,
  });
});

test("the page names every category with what it keeps by default", async () => {
  const shown = await slipway(["retention", "show", "--json"], {
    env: { SLIPWAY_URL: server.url, SLIPWAY_TOKEN: server.token },
  });
  const categories = (JSON.parse(shown.stdout) as { category: string }[]).map(({ category }) => category);
  const named = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
  expect(named.toSorted()).toEqual(categories.toSorted());
});
