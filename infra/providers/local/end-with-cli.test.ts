import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";

const STARTS_WITHIN_MS = 60_000;

test.each(["SIGINT", "SIGTERM"] as const)(
  "a plugin that gets %s ends and leaves its compiled code for the next start",
  { timeout: STARTS_WITHIN_MS },
  async (signal) => {
    const folder = await mkdtemp(join(tmpdir(), "slipway-end-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const cache = join(folder, "compiled");
    const program = join(folder, "plugin.ts");
    await writeFile(
      program,
      `import { endWithCli } from ${JSON.stringify(join(import.meta.dirname, "end-with-cli.ts"))};
endWithCli();
setInterval(() => {}, 1_000);
process.stdout.write("ready");
`,
    );
    const child = spawn(process.execPath, [program], {
      env: { NODE_COMPILE_CACHE: cache },
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void child.kill("SIGKILL"));
    const ended = once(child, "exit");
    await once(child.stdout, "data");
    child.kill(signal);
    expect(await ended).toEqual([0, null]);
    const entries = await readdir(cache, { recursive: true, withFileTypes: true });
    expect(entries.filter((entry) => entry.isFile()).length).toBeGreaterThan(0);
  },
);
