import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { createGzip } from "node:zlib";
import tar from "tar-stream";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { installerEnvironment } from "./environment.ts";
import type { Installer } from "./install.ts";
import { openDependencyStore, removeAbandoned } from "./install.ts";
import { dependencyKey, installerArguments } from "./key.ts";
import { linkDependencies } from "./link.ts";

const run = promisify(execFile);

let home: string;
beforeEach(() => {
  home = realpathSync(mkdtempSync(path.join(tmpdir(), "slipway-dependencies-")));
});
afterEach(() => rmSync(home, { recursive: true, force: true }));

function write(name: string, content: unknown): void {
  const file = path.join(home, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, typeof content === "string" ? content : JSON.stringify(content));
}

/** A registry with one package that has a launcher. */
async function registry(): Promise<{
  url: string;
  integrity: string;
  asked: () => number;
  close: () => Promise<void>;
}> {
  const pack = tar.pack();
  pack.entry(
    { name: "package/package.json" },
    JSON.stringify({
      name: "hello",
      version: "1.0.0",
      bin: { hello: "cli.js" },
      scripts: { install: "touch ../../installed-by-script" },
    }),
  );
  pack.entry({ name: "package/index.js" }, "module.exports = 'hello';\n");
  pack.entry(
    { name: "package/cli.js", mode: 0o755 },
    "#!/usr/bin/env node\nconsole.log('hello from the launcher');\n",
  );
  pack.finalize();
  const tarball = await buffer(pack.pipe(createGzip()));
  let asked = 0;
  const server = createServer((_request, response) => {
    asked += 1;
    response.end(tarball);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  const close = (): Promise<void> => new Promise((resolve) => server.close(() => resolve()));
  onTestFinished(close);
  return {
    url: `http://127.0.0.1:${typeof address === "object" && address !== null ? address.port : 0}/hello-1.0.0.tgz`,
    integrity: `sha512-${createHash("sha512").update(tarball).digest("base64")}`,
    asked: () => asked,
    close,
  };
}

/** A project with a workspace that uses the package of the registry. */
async function writeProject(source: { url: string; integrity: string }): Promise<string> {
  write("project/package.json", {
    name: "root",
    private: true,
    workspaces: ["libs/*"],
    dependencies: { hello: "1.0.0" },
  });
  write("project/libs/one/package.json", { name: "@root/one", version: "1.0.0", main: "index.js" });
  write("project/libs/one/index.js", "module.exports = require('hello') + ' through the workspace';\n");
  const hello = {
    version: "1.0.0",
    resolved: source.url,
    integrity: source.integrity,
    bin: { hello: "cli.js" },
    hasInstallScript: true,
  };
  write("project/package-lock.json", {
    name: "root",
    lockfileVersion: 3,
    requires: true,
    packages: {
      "": { name: "root", workspaces: ["libs/*"], dependencies: { hello: "1.0.0" } },
      "libs/one": { name: "@root/one", version: "1.0.0" },
      "node_modules/@root/one": { resolved: "libs/one", link: true },
      "node_modules/hello": hello,
    },
  });
  return path.join(home, "project");
}

const npm: Installer = async ([program = "", ...args], folder) => {
  const env = { ...installerEnvironment(process.env), npm_config_cache: path.join(home, "npm-cache") };
  await run(program, args, { cwd: folder, env });
};
const plan = { lockfileDigest: `sha256:${"1".repeat(64)}`, workspaces: [], nodeVersion: "v24.0.0" };

test("a lockfile is installed once, without install scripts, and serves work dirs when registry and caches are gone", async () => {
  const source = await registry();
  const project = await writeProject(source);
  const store = await openDependencyStore(path.join(home, "data"));
  let installs = 0;
  const counted: Installer = async (argv, folder) => {
    installs += 1;
    await npm(argv, folder);
  };
  const [one, two] = await Promise.all([
    store.provide(plan, project, counted),
    store.provide(plan, project, counted),
  ]);
  expect(installs, "two at once install once").toBe(1);
  expect([one.installed, two.installed].sort()).toEqual([false, true]);
  expect(existsSync(path.join(one.folder, "installed-by-script"))).toBe(false);
  expect(source.asked()).toBe(1);

  await source.close();
  rmSync(path.join(home, "npm-cache"), { recursive: true, force: true });
  const never: Installer = () => Promise.reject(new Error("nothing may be installed"));
  const { folder } = await store.provide(plan, project, never);
  await linkDependencies(folder, project);
  const modules = path.join(project, "node_modules");
  expect(lstatSync(modules).isSymbolicLink()).toBe(false);
  expect(readlinkSync(path.join(modules, "hello"))).toBe(path.join(folder, "node_modules", "hello"));
  expect(realpathSync(path.join(modules, "@root", "one"))).toBe(path.join(project, "libs", "one"));
  const said = await run(process.execPath, ["-e", "console.log(require('@root/one'))"], { cwd: project });
  expect(said.stdout.trim()).toBe("hello through the workspace");
  const launched = await run(path.join(modules, ".bin", "hello"), [], { cwd: project });
  expect(launched.stdout.trim()).toBe("hello from the launcher");
});

test("an install that fails leaves nothing half-done, and the next one starts anew", async () => {
  const project = await writeProject(await registry());
  const store = await openDependencyStore(path.join(home, "data"));
  const broken: Installer = async (_argv, folder) => {
    mkdirSync(path.join(folder, "node_modules"));
    writeFileSync(path.join(folder, "node_modules", "half"), "");
    throw new Error("the power went out");
  };
  await expect(store.provide(plan, project, broken)).rejects.toThrow("the power went out");
  expect(readdirSync(store.root)).toEqual([]);
  const { folder } = await store.provide(plan, project, npm);
  expect(readdirSync(path.join(folder, "node_modules"))).not.toContain("half");
  expect(readFileSync(path.join(folder, "node_modules", "hello", "index.js"), "utf8")).toContain("hello");
});

test("another lockfile, other workspaces and another Node are other sets; a rollback finds one of any Node", async () => {
  const { what, folder } = dependencyKey(plan);
  expect(dependencyKey({ ...plan, nodeVersion: "v24.1.0" })).toMatchObject({ what });
  expect(dependencyKey({ ...plan, nodeVersion: "v24.1.0" }).folder).not.toBe(folder);
  expect(dependencyKey({ ...plan, workspaces: ["infra"] }).what).not.toBe(what);
  expect(dependencyKey({ ...plan, lockfileDigest: `sha256:${"2".repeat(64)}` }).what).not.toBe(what);
  expect(installerArguments(["infra"])).toEqual(
    expect.arrayContaining(["--ignore-scripts", "--workspace=infra"]),
  );
  const store = await openDependencyStore(path.join(home, "data"));
  expect(await store.find(plan)).toBeUndefined();
  mkdirSync(path.join(store.root, dependencyKey({ ...plan, nodeVersion: "v22.0.0" }).folder));
  expect(await store.find(plan)).toBe(path.join(store.root, `${what}-node-v22.0.0`));
});

test("an installer gets the host's way to a registry and nothing else of the host", () => {
  const host = {
    PATH: "/bin",
    HOME: "/root",
    npm_config_registry: "http://r/",
    npm_config_prefix: "/p",
    DATABASE_URL: "postgres://secret",
    https_proxy: "http://p",
  };
  expect(installerEnvironment(host)).toEqual({
    PATH: "/bin",
    HOME: "/root",
    npm_config_registry: "http://r/",
    https_proxy: "http://p",
    LANG: "C.UTF-8",
    NO_COLOR: "1",
  });
});

test("what a killed process has left half-installed is removed, and what a living one installs is not", async () => {
  const { root } = await openDependencyStore(path.join(home, "data"));
  const dead = await new Promise<number>((resolve) => {
    const child = execFile("true", () => resolve(child.pid ?? 0));
  });
  mkdirSync(path.join(root, `.installing-${dead}-one`, "node_modules"), { recursive: true });
  mkdirSync(path.join(root, `.installing-${process.pid}-two`));
  await removeAbandoned(root);
  expect(readdirSync(root)).toEqual([`.installing-${process.pid}-two`]);
});
