import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, expect, inject, test } from "vitest";
import { pulumiEnvironment } from "../automation/src/engine/pulumi-cli/environment.ts";
import type { PulumiInstallation } from "../automation/src/engine/pulumi-cli/installation.ts";
import { layLanguageHost } from "../automation/src/engine/pulumi-cli/lay-language-host.ts";
import { pulumiForTests } from "../automation/src/engine/pulumi-cli/testing.ts";
import { IS_TRIAL, trial } from "./helpers/trial.ts";

const REPOSITORY = resolve(import.meta.dirname, "..");
const STRIPPING = "runtime: {name: nodejs, options: {typescript: false}}";

let found: PulumiInstallation;
let folder: string;
let hostDir: string;

beforeAll(async () => {
  found = await pulumiForTests();
}, 600_000);

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "slipway-language-host-"));
  await mkdir(join(folder, "state"));
  await symlink(join(REPOSITORY, "node_modules"), join(folder, "node_modules"));
  // These tests are about the language host of this working tree, also where the CLI that was found has Pulumi's own.
  hostDir = join(folder, "launchers");
  await layLanguageHost({
    sourceDir: join(REPOSITORY, "automation"),
    root: join(folder, "host"),
    binDir: hostDir,
    nodePath: found.nodePath,
  });
});

afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function files(contents: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(contents)) {
    await mkdir(join(folder, name, ".."), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

function start(...args: string[]): ChildProcess {
  const environment = pulumiEnvironment(found, {
    compileCacheDir: join(inject("runFolder"), "compile-cache"),
  });
  return spawn(found.path, [...args, "--non-interactive"], {
    cwd: folder,
    env: {
      ...environment,
      PATH: found.languageHost === "own" ? environment.PATH : `${hostDir}:${environment.PATH}`,
      SLIPWAY_TEST_MARK: process.env.SLIPWAY_TEST_MARK ?? "",
      HOME: folder,
      PULUMI_HOME: join(folder, "home"),
      PULUMI_BACKEND_URL: `file://${join(folder, "state")}`,
      PULUMI_CONFIG_PASSPHRASE: "for a test",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

async function ended(child: ChildProcess): Promise<{ code: number | null; output: string }> {
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const code = await new Promise<number | null>((done, failed) => {
    child.once("error", failed);
    child.once("close", done);
  });
  return { code, output };
}

async function pulumi(...args: string[]): Promise<string> {
  const { code, output } = await ended(start(...args));
  expect(code, output).toBe(0);
  return output;
}

async function outputs(): Promise<unknown> {
  return JSON.parse(await pulumi("stack", "output", "--json"));
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 30_000;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error("waited in vain");
    await sleep(50);
  }
}

async function pidIn(name: string): Promise<number> {
  let text = "";
  await until(async () => {
    text = await readFile(join(folder, name), "utf8").catch(() => "");
    return text !== "";
  });
  return Number(text);
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

test("a JavaScript program runs with its config, its arguments for Node and Node 24", async () => {
  await files({
    "Pulumi.yaml": `name: plain\nruntime: {name: nodejs, options: {nodeargs: "--title='a b'"}}\n`,
    "package.json": '{"name": "plain", "private": true, "main": "index.js"}',
    "index.js": `const pulumi = require("@pulumi/pulumi");
      const config = new pulumi.Config();
      console.log("a line of the program");
      exports.all = [config.require("a"), config.requireObject("deep").b, pulumi.getStack(), pulumi.getOrganization()];
      exports.secret = config.requireSecret("hidden");
      exports.title = process.title;
      exports.major = process.versions.node.split(".")[0];`,
  });
  await pulumi("stack", "init", "dev");
  await pulumi("config", "set", "a", "1");
  await pulumi("config", "set", "--path", "deep.b", "two words");
  await pulumi("config", "set", "--secret", "hidden", "s3cret");
  expect(await pulumi("up", "--yes", "--skip-preview")).toContain("a line of the program");
  expect(await outputs()).toEqual({
    all: ["1", "two words", "dev", "organization"],
    secret: "[secret]",
    title: "a b",
    major: "24",
  });
});

test("what only closures need is loaded when one needs it, and frames of the program keep their maps", async () => {
  // In the made file line 2 is line 7 of what it was made from.
  const map = { version: 3, sources: ["made-from.ts"], names: [], mappings: ";AAMA" };
  const inline = Buffer.from(JSON.stringify(map)).toString("base64");
  await files({
    "Pulumi.yaml": `name: lean\n${STRIPPING}\n`,
    "package.json": '{"name": "lean", "private": true, "main": "index.js"}',
    "made.js": `\nexports.stack = () => new Error("where").stack;\n//# sourceMappingURL=data:application/json;base64,${inline}\n`,
    "index.js": `const pulumi = require("@pulumi/pulumi");
      const loaded = () => ["/@npmcli/arborist/lib/arborist/index.js", "/typescript/lib/typescript.js"].map((part) =>
        Object.keys(require.cache).some((file) => file.endsWith(part)));
      module.exports = async () => {
        const before = loaded();
        const answer = 42;
        const { text } = await pulumi.runtime.serializeFunction(() => answer);
        await pulumi.runtime.computeCodePaths();
        return {
          before, after: loaded(), text: text.includes("42"),
          stack: require("./made.js").stack().split("\\n")[1],
        };
      };`,
  });
  await pulumi("stack", "init", "dev");
  await pulumi("up", "--yes", "--skip-preview");
  expect(await outputs()).toEqual({
    before: [false, false],
    after: [true, true],
    text: true,
    stack: expect.stringMatching(/made-from\.ts:7/),
  });
});

test.each(IS_TRIAL ? ["infra", "infra/index.ts"] : ["infra"])(
  "a TypeScript program in ES modules runs by type stripping with main: %s",
  async (main) => {
    await files({
      "Pulumi.yaml": `name: stripped\nmain: ${main}\n${STRIPPING}\n`,
      "infra/package.json": '{"name": "infra", "private": true, "type": "module"}',
      "infra/index.ts": `import * as pulumi from "@pulumi/pulumi";
        import { count } from "./count.ts";
        class Part extends pulumi.ComponentResource { constructor(name: string) { super("a:b:Part", name); } }
        for (let i = 0; i < count; i++) new Part("part" + i);
        export const parts: number = count;`,
      "infra/count.ts": "export const count: number = 3;",
    });
    await pulumi("stack", "init", "dev");
    expect(await pulumi("up", "--yes", "--skip-preview")).toMatch(/\+ 4 created/);
    expect(await outputs()).toEqual({ parts: 3 });
    expect(await pulumi("preview")).toMatch(/4 unchanged/);
  },
);

test("a program that throws shows its message and stack, and the CLI fails", async () => {
  await files({
    "Pulumi.yaml": `name: failing\nmain: infra\n${STRIPPING}\n`,
    "infra/package.json": '{"name": "infra", "private": true, "type": "module"}',
    "infra/index.ts": 'function deepInside(): never { throw new Error("the reason"); }\ndeepInside();\n',
  });
  await pulumi("stack", "init", "dev");
  const { code, output } = await ended(start("preview"));
  expect(code).not.toBe(0);
  expect(output).toMatch(/Error: the reason/);
  expect(output).toMatch(/at deepInside .*index\.ts:1:/);
});

test("a program that ends by itself with a code fails the CLI with that code", async () => {
  await files({
    "Pulumi.yaml": `name: exits\n${STRIPPING}\n`,
    "index.js": "process.exit(7)",
    "package.json": "{}",
  });
  await pulumi("stack", "init", "dev");
  const { code, output } = await ended(start("preview"));
  expect(code).not.toBe(0);
  expect(output).toContain("The program exited with code 7.");
});

test("dynamic resources and a provider folder in TypeScript work", async () => {
  await files({
    "Pulumi.yaml": `name: providers\nmain: infra\n${STRIPPING}\nplugins: {providers: [{name: local, path: ./provider}]}\n`,
    "infra/package.json": '{"name": "infra", "private": true, "type": "module"}',
    "infra/index.ts": `import * as pulumi from "@pulumi/pulumi";
      import * as dynamic from "@pulumi/pulumi/dynamic/index.js";
      class Thing extends pulumi.CustomResource {
        declare made: pulumi.Output<string>;
        constructor(name: string) { super("local:index:Thing", name, { size: 1, made: undefined }); }
      }
      class Note extends dynamic.Resource {
        constructor(name: string) { super({ create: async () => ({ id: "note-1", outs: {} }) }, name, {}); }
      }
      export const made = new Thing("thing").made;
      export const note = new Note("note").id;`,
    "provider/PulumiPlugin.yaml": `${STRIPPING}\n`,
    "provider/package.json": '{"name": "local", "private": true, "type": "module", "main": "main.ts"}',
    "provider/main.ts": `import * as provider from "@pulumi/pulumi/provider/index.js";
      import { create } from "./create.ts";
      const schema = { name: "local", version: "0.0.1", resources: { "local:index:Thing": {} } };
      class Local implements provider.Provider {
        version: string = "0.0.1";
        create = create;
        getSchema = async () => JSON.stringify(schema);
      }
      await provider.main(new Local() as never, process.argv.slice(2));`,
    "provider/create.ts": `export async function create(_urn: string, inputs: object) {
        return { id: "thing-1", outs: { ...inputs, made: "by node " + process.versions.node.split(".")[0] } };
      }`,
  });
  await pulumi("stack", "init", "dev");
  await pulumi("up", "--yes", "--skip-preview");
  expect(await outputs()).toEqual({ made: "by node 24", note: "note-1" });
  expect(await pulumi("destroy", "--yes", "--skip-preview")).toMatch(/3 deleted/);
});

trial("a provider folder without an entry is a clear error", async () => {
  await files({
    "Pulumi.yaml": `name: noentry\n${STRIPPING}\nplugins: {providers: [{name: local, path: ./provider}]}\n`,
    "package.json": "{}",
    "index.js": `const pulumi = require("@pulumi/pulumi");
      new (class extends pulumi.CustomResource {})("local:index:Thing", "thing", {});`,
    "provider/PulumiPlugin.yaml": `${STRIPPING}\n`,
    "provider/package.json": "{}",
  });
  await pulumi("stack", "init", "dev");
  const { code, output } = await ended(start("preview"));
  expect(code).not.toBe(0);
  expect(output).toMatch(/The plugin in .*provider has no entry/);
});

// The package @pulumi/policy is not among the dependencies; this pack speaks the analyzer's protocol itself, as that does.
test("a policy pack knows stack and config before it starts, and a violation fails the preview", async () => {
  await files({
    "Pulumi.yaml": `name: policed\n${STRIPPING}\n`,
    "package.json": "{}",
    "index.js": `const pulumi = require("@pulumi/pulumi");
      new pulumi.ComponentResource("a:b:Forbidden", "it");`,
    "pack/PulumiPolicy.yaml": "runtime: nodejs\nversion: 0.0.1\n",
    "pack/package.json": '{"name": "pack", "private": true, "main": "index.js"}',
    "pack/index.js": `const grpc = require("@grpc/grpc-js");
      const { AnalyzerService } = require("@pulumi/pulumi/proto/analyzer_grpc_pb.js");
      const pb = require("@pulumi/pulumi/proto/analyzer_pb.js");
      const plugin = require("@pulumi/pulumi/proto/plugin_pb.js");
      const server = new grpc.Server();
      const unimplemented = (call, callback) => callback({ code: grpc.status.UNIMPLEMENTED });
      const known = process.env.PULUMI_NODEJS_STACK + " " + process.env.PULUMI_CONFIG;
      const calls = Object.fromEntries(Object.keys(AnalyzerService).map((name) => [name, unimplemented]));
      server.addService(AnalyzerService, {
        ...calls,
        getPluginInfo: (call, callback) => callback(null, new plugin.PluginInfo().setVersion("0.0.1")),
        getAnalyzerInfo: (call, callback) => callback(null, new pb.AnalyzerInfo().setName("pack").setVersion("0.0.1")),
        configure: (call, callback) => callback(null, new (require("google-protobuf/google/protobuf/empty_pb.js").Empty)()),
        analyzeStack: (call, callback) => callback(null, new pb.AnalyzeResponse()),
        remediate: (call, callback) => callback(null, new pb.RemediateResponse()),
        analyze: (call, callback) => {
          const answer = new pb.AnalyzeResponse();
          if (call.request.getType() === "a:b:Forbidden") {
            answer.addDiagnostics(new pb.AnalyzeDiagnostic().setPolicyname("no-forbidden").setPolicypackname("pack")
              .setPolicypackversion("0.0.1").setEnforcementlevel(pb.EnforcementLevel.MANDATORY)
              .setMessage("refused in " + known).setUrn(call.request.getUrn()));
          }
          callback(null, answer);
        },
      });
      server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => console.log(port));`,
  });
  await pulumi("stack", "init", "dev");
  await pulumi("config", "set", "word", "known");
  const { code, output } = await ended(start("preview", "--policy-pack", "pack"));
  expect(output).toContain('refused in dev {"policed:word":"known"}');
  expect(code).not.toBe(0);
});

test("one SIGINT ends a program that would exit 0 half-way, as a failure that deletes nothing", async () => {
  await files({
    "Pulumi.yaml": `name: halfway\n${STRIPPING}\n`,
    "package.json": "{}",
    "index.js": `const pulumi = require("@pulumi/pulumi");
      new pulumi.ComponentResource("a:b:Early", "early");
      if (process.env.PULUMI_CONFIG.includes("slow")) {
        process.on("SIGINT", () => process.exit(0));
        require("node:fs").writeFileSync("program.pid", String(process.pid));
        setInterval(() => {}, 1000);
      } else new pulumi.ComponentResource("a:b:Late", "late");`,
  });
  await pulumi("stack", "init", "dev");
  await pulumi("up", "--yes", "--skip-preview");
  await pulumi("config", "set", "slow", "yes");
  const cli = start("up", "--yes", "--skip-preview");
  const end = ended(cli);
  const program = await pidIn("program.pid");
  cli.kill("SIGINT");
  const { code, output } = await end;
  expect(code, output).not.toBe(0);
  expect(isRunning(program)).toBe(false);
  expect(await pulumi("stack")).toMatch(/Late/);
});

test("killing the CLI ends language host and program", async () => {
  await files({
    "Pulumi.yaml": `name: orphan\n${STRIPPING}\n`,
    "package.json": "{}",
    "index.js": `const { writeFileSync } = require("node:fs");
      writeFileSync("host.pid", String(process.ppid));
      writeFileSync("program.pid", String(process.pid));
      setInterval(() => {}, 1000);`,
  });
  await pulumi("stack", "init", "dev");
  const cli = start("preview");
  const end = ended(cli);
  const pids = [await pidIn("host.pid"), await pidIn("program.pid")];
  const startedAt = performance.now();
  cli.kill("SIGKILL");
  await end;
  await until(async () => !pids.some(isRunning));
  expect(performance.now() - startedAt).toBeLessThan(5_000);
});

test("the launchers run under another Node 24 when theirs is gone, and refuse an older one in words", async () => {
  const { launcherText } = await import("../automation/src/engine/pulumi-cli/lay-language-host.ts");
  await files({
    "host.mjs": "console.log('ran under', process.execPath, process.argv.slice(2))",
    "old/node": "#!/bin/sh\necho 20\n",
    launcher: launcherText("/nowhere/node", join(folder, "host.mjs")),
  });
  const run = (path: string) =>
    ended(
      spawn("sh", [join(folder, "launcher"), "one two"], {
        env: { PATH: path },
        stdio: ["ignore", "pipe", "pipe"],
      }),
    );
  const { chmod } = await import("node:fs/promises");
  await chmod(join(folder, "old/node"), 0o755);
  const nodeFolder = join(found.nodePath, "..");
  expect(await run(`${nodeFolder}:/usr/bin:/bin`)).toEqual({
    code: 0,
    output: `ran under ${found.nodePath} [ 'one two' ]\n`,
  });
  const refused = await run(`${join(folder, "old")}:/usr/bin:/bin`);
  expect(refused.code).toBe(1);
  expect(refused.output).toMatch(/Node 24 is needed: .*old\/node is version 20, and \/nowhere\/node is gone/);
});
