import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { goBuildArguments } from "./build-from-go.ts";
import { pulumiEnvironment } from "./environment.ts";
import { PULUMI_VERSION } from "./installation.ts";
import type { OfficialInstaller } from "./official-installer.ts";
import { type ResolveOptions, resolvePulumi } from "./resolve.ts";

let folder: string;
let servers: Server[];
const NOWHERE: OfficialInstaller = { url: "http://127.0.0.1:61/install.sh", command: ["false"] };

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-pulumi-cli-"));
  servers = [];
});

afterEach(async () => {
  for (const server of servers) await new Promise((resolve) => server.close(resolve));
  await rm(folder, { recursive: true, force: true });
});

/** Options of a machine that has nothing: no pulumi, no network, and no go unless `bin` holds one. */
function bare(env: Record<string, string> = {}): ResolveOptions {
  return {
    env: { PATH: `${join(folder, "bin")}:/usr/bin:/bin`, XDG_CACHE_HOME: join(folder, "cache"), ...env },
    nodePath: process.execPath,
    installer: NOWHERE,
  };
}

async function script(path: string, text: string): Promise<string> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, `#!/bin/sh\n${text}\n`);
  await chmod(path, 0o755);
  return path;
}

const cliText = (version: string) => `echo v${version}`;

/** A stand-in for go: notes its arguments, and after `seconds` writes a CLI to the path after -o. */
async function fakeGo(seconds = 0, version = PULUMI_VERSION): Promise<string> {
  const calls = join(folder, "go-calls");
  await script(
    join(folder, "bin", "go"),
    `[ "$1" = version ] && exit 0
echo "$PWD" >> '${calls}'
for word in "$@"; do echo "$word" >> '${calls}'; [ "$last" = -o ] && output=$word; last=$word; done
echo one/package >&2
sleep ${seconds}
printf '#!/bin/sh\\n${cliText(version)}\\n' > "$output"
chmod +x "$output"`,
  );
  return calls;
}

async function listen(answer: number | "never"): Promise<{ url: string; hits: () => number }> {
  let hits = 0;
  const server = createServer((_request, response) => {
    hits++;
    if (answer !== "never") response.writeHead(answer).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  servers.push(server);
  const address = server.address();
  const port = typeof address === "object" && address !== null ? address.port : 0;
  return { url: `http://127.0.0.1:${port}/install.sh`, hits: () => hits };
}

async function isThere(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined;
}

test("the pinned CLI has the version of the SDK in package.json", async () => {
  const text = await readFile(join(import.meta.dirname, "../../../package.json"), "utf8");
  const manifest: { dependencies: Record<string, string> } = JSON.parse(text);
  expect(manifest.dependencies["@pulumi/pulumi"]).toBe(PULUMI_VERSION);
  expect(await readFile(join(import.meta.dirname, "../../../pulumi-cli/go.mod"), "utf8")).toContain(
    `github.com/pulumi/pulumi/pkg/v3 v${PULUMI_VERSION} `,
  );
});

test("SLIPWAY_PULUMI comes before the PATH, and a CLI without a language host is given ours", async () => {
  const path = await script(join(folder, "elsewhere", "pulumi"), cliText("3.251.0"));
  await script(join(folder, "bin", "pulumi"), cliText("3.250.0"));
  const installation = await resolvePulumi(bare({ SLIPWAY_PULUMI: path }));
  expect(installation).toMatchObject({
    path,
    version: "3.251.0",
    source: "SLIPWAY_PULUMI",
    languageHost: "own",
  });
  expect(installation.languageHostDir).toBe(join(folder, "cache", "slipway", "launchers"));
  const { PATH = "" } = pulumiEnvironment(installation);
  expect(PATH.split(":").slice(0, 3)).toEqual([
    dirname(path),
    installation.languageHostDir,
    dirname(installation.nodePath),
  ]);
});

test.each([
  ["3.249.9", /too old/],
  ["3.250.0-alpha.1", /too old/],
  ["4.0.0", /too new/],
  ["nonsense", /says that its version is/],
])("SLIPWAY_PULUMI of version %s is refused instead of passed over", async (version, reason) => {
  const path = await script(join(folder, "elsewhere", "pulumi"), cliText(version));
  await script(join(folder, "bin", "pulumi"), cliText("3.250.0"));
  await expect(resolvePulumi(bare({ SLIPWAY_PULUMI: path }))).rejects.toMatchObject({
    code: "pulumi_refused",
    message: expect.stringMatching(reason),
  });
});

test("SLIPWAY_PULUMI must be an absolute path of a program that runs", async () => {
  await expect(resolvePulumi(bare({ SLIPWAY_PULUMI: "bin/pulumi" }))).rejects.toThrow(/not an absolute path/);
  await expect(resolvePulumi(bare({ SLIPWAY_PULUMI: join(folder, "missing") }))).rejects.toMatchObject({
    code: "pulumi_refused",
    message: expect.stringMatching(/does not run/),
  });
});

test("a pulumi on the PATH is taken with the language host that stands beside it", async () => {
  const path = await script(join(folder, "bin", "pulumi"), cliText("3.260.1"));
  await script(join(folder, "bin", "pulumi-language-nodejs"), "exit 0");
  const installation = await resolvePulumi(bare());
  expect(installation).toMatchObject({
    path,
    version: "3.260.1",
    source: "path",
    languageHost: "bundled",
    languageHostDir: undefined,
  });
});

test("a pulumi on the PATH that is too old is passed over with its reason", async () => {
  await script(join(folder, "bin", "pulumi"), cliText("3.100.0"));
  await fakeGo();
  const installation = await resolvePulumi(bare());
  expect(installation.source).toBe("go");
  expect(installation.passedOver).toContainEqual({
    source: "path",
    reason: expect.stringMatching(/3\.100\.0 is too old; Slipway works with 3\.250\.0/),
  });
});

test("without a network the CLI is built from the Go module with the pinned arguments, then found in the cache", async () => {
  const calls = await fakeGo();
  const built = await resolvePulumi(bare());
  const cache = join(folder, "cache", "slipway");
  expect(built).toMatchObject({
    path: join(cache, `pulumi-${PULUMI_VERSION}`, "bin", "pulumi"),
    source: "go",
    languageHost: "own",
    languageHostDir: undefined,
  });
  const [cwd, ...argv] = (await readFile(calls, "utf8")).trim().split("\n");
  expect(cwd).toBe(join(import.meta.dirname, "../../../pulumi-cli"));
  const output = argv[argv.indexOf("-o") + 1] ?? "";
  expect(argv).toEqual(goBuildArguments(output));
  expect(dirname(dirname(dirname(output)))).toBe(cache);
  const launchers = await readdir(dirname(built.path));
  expect(launchers.sort()).toEqual([
    "pulumi",
    "pulumi-analyzer-policy",
    "pulumi-language-nodejs",
    "pulumi-resource-pulumi-nodejs",
  ]);

  await rm(join(folder, "bin", "go"));
  const installerHost = await listen(200);
  const again = await resolvePulumi({ ...bare(), installer: { ...NOWHERE, url: installerHost.url } });
  expect(again).toMatchObject({ path: built.path, source: "cache", languageHost: "own" });
  expect(installerHost.hits(), "a hit in the cache asks the network nothing").toBe(0);
});

test("a reachable installer is used before go, and its language host is kept", async () => {
  await fakeGo();
  const { url } = await listen(200);
  const install = await script(
    join(folder, "install.sh"),
    `mkdir -p "$1/bin"; printf '#!/bin/sh\\n${cliText(PULUMI_VERSION)}\\n' > "$1/bin/pulumi"
cp "$1/bin/pulumi" "$1/bin/pulumi-language-nodejs"; chmod +x "$1"/bin/*`,
  );
  const installation = await resolvePulumi({ ...bare(), installer: { url, command: [install] } });
  expect(installation).toMatchObject({ source: "installer", languageHost: "bundled" });
  expect(await readFile(join(dirname(installation.path), "pulumi-language-nodejs"), "utf8")).toContain(
    "echo v",
  );
});

test.each([
  ["answers 404", 404, /status 404/],
  ["never answers", "never", /cannot be reached/],
] as const)(
  "an installer's host that %s leads to the next way within seconds",
  async (_name, answer, reason) => {
    await fakeGo();
    const { url } = await listen(answer);
    const startedAt = performance.now();
    const installation = await resolvePulumi({ ...bare(), installer: { url, command: ["false"] } });
    expect(performance.now() - startedAt).toBeLessThan(8_000);
    expect(installation.source).toBe("go");
    expect(installation.passedOver.at(-1)).toEqual({
      source: "installer",
      reason: expect.stringMatching(reason),
    });
  },
);

test("when nothing leads to a CLI one error lists every way, its reason and what to do", async () => {
  const failure = resolvePulumi({ ...bare(), env: { ...bare().env, PATH: join(folder, "bin") } });
  await expect(failure).rejects.toMatchObject({
    code: "pulumi_unavailable",
    remedy: expect.stringMatching(/SLIPWAY_PULUMI.*get\.pulumi\.com.*Go 1\.25/s),
  });
  const text = await failure.catch((error: unknown) => String(error));
  for (const way of [
    /SLIPWAY_PULUMI: not set/,
    /PATH: there is no pulumi/,
    /cache: nothing at/,
    /installer: 127\.0\.0\.1:61 cannot be reached: .*ECONNREFUSED/,
    /Go module: there is no go on the PATH/,
  ]) {
    expect(text).toMatch(way);
  }
});

test("a build that yields another version is refused and not kept", async () => {
  await fakeGo(0, "3.249.0");
  await expect(resolvePulumi(bare())).rejects.toThrow(/is version 3\.249\.0 instead of 3\.250\.0/);
  expect(await isThere(join(folder, "cache", "slipway", `pulumi-${PULUMI_VERSION}`))).toBe(false);
});

test("a cached binary whose bytes changed is not run again but replaced", async () => {
  await fakeGo();
  const { path } = await resolvePulumi(bare());
  await script(path, `${cliText(PULUMI_VERSION)}; echo tampered`);
  const again = await resolvePulumi(bare());
  expect(again.source).toBe("go");
  expect(again.passedOver).toContainEqual({
    source: "cache",
    reason: expect.stringMatching(/not the file that was put there/),
  });
  expect(await readFile(path, "utf8")).not.toContain("tampered");
});

test("two starts at once build once, and the one that waits says so", async () => {
  const calls = await fakeGo(1);
  const steps: string[] = [];
  const both = await Promise.all(
    [1, 2].map(() =>
      resolvePulumi({ ...bare(), onProgress: (step, detail) => steps.push(`${step} ${detail}`) }),
    ),
  );
  expect(both.map(({ source }) => source).sort()).toEqual(["cache", "go"]);
  expect((await readFile(calls, "utf8")).match(/^build$/gm)).toHaveLength(1);
  expect(steps).toContainEqual(expect.stringMatching(/^wait another start \(process \d+\) .*, \d+ s$/));
  expect(steps).toContainEqual(expect.stringMatching(/^build .*1 packages compiled, 1 s$/));
});

test("an interrupted build leaves no process and nothing half-done, and the next start builds", async () => {
  const calls = await fakeGo(20);
  const stop = new AbortController();
  const interrupted = resolvePulumi({ ...bare(), signal: stop.signal });
  const outcome = expect(interrupted).rejects.toThrow(/stopped here/);
  while (!(await isThere(calls))) await sleep(20);
  const startedAt = performance.now();
  stop.abort(new Error("stopped here"));
  await outcome;
  expect(performance.now() - startedAt, "the compiler is ended, not waited for").toBeLessThan(5_000);
  expect(await readdir(join(folder, "cache", "slipway"))).toEqual([]);
  await fakeGo();
  expect((await resolvePulumi(bare())).source).toBe("go");
});

test("a cache that cannot be written is one clear error", async () => {
  await writeFile(join(folder, "cache"), "a file where the folder should be");
  await expect(resolvePulumi(bare())).rejects.toMatchObject({
    code: "cache_unusable",
    remedy: expect.stringMatching(/XDG_CACHE_HOME/),
  });
});
