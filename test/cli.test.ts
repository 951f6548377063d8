import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type CliResult, type CliServer, REPOSITORY, slipway, startCliServer } from "./cli-server.ts";

let server: CliServer;
let own: Record<string, string>;

beforeAll(async () => {
  server = await startCliServer();
  // As on the server's own machine: no login, the owner's token is found beside the data.
  own = {
    SLIPWAY_URL: server.url,
    SLIPWAY_DATA_DIR: server.dataDir,
    XDG_CONFIG_HOME: server.home,
  };
  const folder = path.join(server.projects, "desk");
  mkdirSync(path.join(folder, "below"), { recursive: true });
  writeFileSync(path.join(folder, "Pulumi.yaml"), "name: desk\nruntime: nodejs\n");
});
afterAll(() => server.stop());

function run(argv: readonly string[], options: Parameters<typeof slipway>[1] = {}): Promise<CliResult> {
  return slipway(argv, { ...options, env: { ...own, ...options.env } });
}
function desk(): { cwd: string } {
  return { cwd: path.join(server.projects, "desk") };
}

describe("where the server and the token come from", () => {
  test("without a login the owner's token of this machine is used", async () => {
    const { exitCode, stdout } = await run(["projects", "list", "--json"]);
    expect([exitCode, JSON.parse(stdout)]).toEqual([0, []]);
  });

  test("without any token the exit code is 4 and the remedy names login", async () => {
    const nowhere = { SLIPWAY_DATA_DIR: path.join(server.home, "none") };
    const { exitCode, stderr, stdout } = await run(["projects", "list"], { env: nowhere });
    expect(exitCode).toBe(4);
    expect(stdout).toBe("");
    expect(stderr).toContain("slipway login");
  });

  test("a token that the server does not know is exit code 4", async () => {
    const file = path.join(server.home, "wrong-token");
    writeFileSync(file, `${server.token.slice(0, -1)}x\n`);
    const { exitCode, stderr } = await run(["stacks", "list", "--token-file", file]);
    expect(exitCode).toBe(4);
    expect(stderr).not.toContain(server.token.slice(0, -1));
  });

  test("login checks the token, stores it for its owner alone, and later commands find server and token", async () => {
    const config = path.join(server.home, "fresh");
    const env = { XDG_CONFIG_HOME: config, SLIPWAY_URL: "", SLIPWAY_DATA_DIR: path.join(config, "none") };
    const refused = await run(["login", server.url], { env, input: "not-a-token\n" });
    const file = path.join(config, "slipway", "credentials.json");
    expect(refused.exitCode).toBe(4);
    expect(existsSync(file)).toBe(false);

    const login = await run(["login", server.url], { env, input: `${server.token}\n` });
    expect(login.stderr).toBe("");
    expect(login.stdout).toContain("as owner");
    expect(login.stdout).not.toContain(server.token);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
    expect((await run(["projects", "list"], { env })).exitCode).toBe(0);

    const again = await run(["login", server.url, "--token-file", server.tokenFile, "--json"], {
      env,
    });
    expect(JSON.parse(again.stdout)).toMatchObject({ server: server.url, file });

    const { servers } = JSON.parse(readFileSync(file, "utf8")) as {
      servers: Record<string, { session: { value: string } }>;
    };
    const session = servers[server.url]?.session.value ?? "";
    const signedIn = async (): Promise<number> =>
      (await fetch(`${server.url}/v1/sessions/current`, { headers: { authorization: `Bearer ${session}` } }))
        .status;
    expect(await signedIn()).toBe(200);
    const logout = await run(["logout"], { env });
    expect([logout.exitCode, logout.stderr]).toEqual([0, ""]);
    expect([existsSync(file), await signedIn()]).toEqual([false, 401]);
    expect((await run(["projects", "list", "--server", server.url], { env })).exitCode).toBe(4);
    expect((await run(["logout", server.url], { env })).stdout).toContain("No token");
  });

  test("a server that is not there is exit code 5 and one sentence", async () => {
    const port = await closedPort();
    const { exitCode, stderr } = await run(["stacks", "list", "--server", `http://127.0.0.1:${port}`]);
    expect(exitCode).toBe(5);
    expect(stderr.split("\n").filter((line) => line !== "")).toHaveLength(2);
    expect(stderr).toContain("npm start");
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test.each(["ftp://127.0.0.1", "127.0.0.1:7420", "http://user:secret@127.0.0.1"])(
    "%s is refused as the URL of a server",
    async (url) => {
      expect((await run(["stacks", "list", "--server", url])).exitCode).toBe(2);
    },
  );
});

describe("projects, stacks, config", () => {
  test("a project is registered under the name in its Pulumi.yaml, and a second time refused", async () => {
    const created = await run(["projects", "create", "--json"], desk());
    expect(JSON.parse(created.stdout)).toMatchObject({ name: "desk", folder: desk().cwd });
    const again = await run(["projects", "create"], desk());
    expect(again.exitCode).toBe(8);
    expect(again.stderr).toContain("→");
    expect((await run(["projects", "list"])).stdout).toMatch(/^desk +\S+desk +just now$/m);
  });

  test("a folder outside the allowed roots is refused with exit code 8 and nothing is registered", async () => {
    const refused = await run(["projects", "create", "etc", "--folder", "/etc", "--json"]);
    expect(refused.exitCode).toBe(8);
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: "folder_not_allowed", exitCode: 8 } });
    expect(JSON.parse((await run(["projects", "list", "--json"])).stdout)).toHaveLength(1);
  });

  test("a stack is created, shown, tagged, listed and found from below the project's folder", async () => {
    const created = await run(["stacks", "create", "desk/local", "--tag", "team=a", "--json"]);
    expect(JSON.parse(created.stdout)).toMatchObject({ project: "desk", name: "local", tags: { team: "a" } });
    expect((await run(["stacks", "list"])).stdout).toMatch(/^desk\/local +- +\S+ +never deployed$/m);
    const below = { cwd: path.join(desk().cwd, "below") };
    expect((await run(["stacks", "show"], below)).stdout).toContain("desk/local");
    const tags = await run(["stacks", "tags", "team=", "tier=gold", "--json"], below);
    expect(JSON.parse(tags.stdout)).toEqual({ tier: "gold" });
    expect(JSON.parse((await run(["stacks", "outputs", "--json"], below)).stdout)).toEqual({});
    expect((await run(["history"], below)).stdout).toContain("No deployments yet");
    expect((await run(["releases"], below)).stdout).toContain("No releases yet");
  });

  test("with two stacks the choice is asked for, and a bare name is one of the folder's project", async () => {
    await run(["stacks", "create", "second"], desk());
    const which = await run(["stacks", "show"], desk());
    expect(which.exitCode).toBe(2);
    expect(which.stderr).toContain("local");
    expect(which.stderr).toContain("second");
    expect((await run(["stacks", "show", "-s", "second"], desk())).exitCode).toBe(0);
    expect((await run(["stacks", "remove", "-s", "second", "--yes"], desk())).exitCode).toBe(0);
    expect((await run(["stacks", "show", "-s", "desk/second"])).exitCode).toBe(3);
  });

  test("removing asks for confirmation, which a pipe cannot give", async () => {
    const refused = await run(["stacks", "remove", "desk/local"]);
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("--yes");
    expect((await run(["stacks", "show", "desk/local"])).exitCode).toBe(0);
  });

  test("config is set from an argument or from standard input, listed and removed", async () => {
    expect((await run(["config", "set", "desk:port", "7430"], desk())).exitCode).toBe(0);
    expect((await run(["config", "set", "motto"], { ...desk(), input: "two\nlines\n" })).exitCode).toBe(0);
    const { stdout } = await run(["config", "list", "--json"], desk());
    expect(JSON.parse(stdout)).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ key: "desk:motto", value: "two\nlines", secret: false }),
        expect.objectContaining({ key: "desk:port", value: "7430" }),
      ]),
    );
    expect((await run(["config", "rm", "desk:motto"], desk())).exitCode).toBe(0);
    expect((await run(["config", "rm", "desk:motto"], desk())).exitCode).toBe(3);
  });

  test("a secret is refused as an argument, taken from standard input, and never shown", async () => {
    const refused = await run(["config", "set", "password", "tops3cret", "--secret"], desk());
    expect(refused.exitCode).toBe(2);
    expect(refused.stderr).toContain("config set password --secret");
    expect(refused.stderr).not.toContain("tops3cret");
    expect((await run(["config", "list"], desk())).stdout).not.toContain("password");

    const set = await run(["config", "set", "password", "--secret"], { ...desk(), input: "tops3cret\n" });
    expect(set.exitCode).toBe(0);
    const listed = await run(["config", "list"], desk());
    expect(listed.stdout).toMatch(/^desk:password +\[secret\]/m);
    expect(set.stdout + listed.stdout).not.toContain("tops3cret");
  });

  test("audit names who did what, and can be narrowed", async () => {
    const { stdout } = await run(["audit", "-s", "desk/local", "--action", "config.set", "--json"]);
    const entries = JSON.parse(stdout) as { action: string; principal: string }[];
    expect(entries.length).toBeGreaterThanOrEqual(2);
    for (const entry of entries) expect(entry).toMatchObject({ action: "config.set", principal: "owner" });
    expect(stdout).not.toContain("tops3cret");
    const lines = (await run(["audit", "--limit", "2"])).stdout.trimEnd().split("\n");
    expect(lines).toHaveLength(3);
  });
});

describe("deployments without a worker", () => {
  test("--no-wait returns at once with the queued deployment, and a key makes a repetition harmless", async () => {
    const argv = ["deploy", "--no-wait", "--json", "--idempotency-key", "one", "-m", "try"];
    const [first, second] = [await run(argv, desk()), await run(argv, desk())];
    expect(JSON.parse(first.stdout)).toMatchObject({ status: "queued", message: "try", operation: "update" });
    expect(JSON.parse(second.stdout)).toMatchObject({ id: JSON.parse(first.stdout).id as string });
    expect(JSON.parse((await run(["history", "--json"], desk())).stdout)).toHaveLength(1);
  });

  test("the engine's options reach the server", async () => {
    const options = [
      "--target",
      "urn:a",
      "--target",
      "urn:b",
      "--target-dependents",
      "--parallel",
      "3",
      "--refresh",
    ];
    const { stdout } = await run(["preview", "--no-wait", "--json", ...options], desk());
    expect(JSON.parse(stdout)).toMatchObject({
      options: { targets: ["urn:a", "urn:b"], targetDependents: true, parallel: 3, refresh: true },
    });
  });

  test("a queued deployment is cancelled by its number, and there is then none left to cancel", async () => {
    for (const number of ["1", "#2"]) {
      const { exitCode, stdout } = await run(["cancel", number, "--no-wait"], desk());
      expect([exitCode, stdout]).toEqual([0, expect.stringContaining("cancelled")]);
    }
    const none = await run(["cancel"], desk());
    expect(none.exitCode).toBe(3);
    expect(none.stderr).toContain("queued or running");
  });

  test("a rollback to a release that does not exist is exit code 3", async () => {
    expect((await run(["rollback"], desk())).exitCode).toBe(3);
    expect((await run(["rollback", "--to", "9"], desk())).exitCode).toBe(3);
  });

  test("destroy asks for confirmation, which a pipe cannot give", async () => {
    const before = (await run(["history", "--json"], desk())).stdout;
    const refused = await run(["destroy"], desk());
    expect(refused.exitCode).toBe(2);
    expect((await run(["history", "--json"], desk())).stdout).toBe(before);
  });

  test("Ctrl-C while watching leaves the deployment alone and says how to go on", async () => {
    const shim = path.join(REPOSITORY, "automation/bin/slipway.mjs");
    const child = spawn(process.execPath, [shim, "preview"], { ...desk(), env: { ...process.env, ...own } });
    const ended = once(child, "close");
    let stderr = "";
    child.stderr.on("data", (text) => {
      stderr += String(text);
    });
    for await (const line of createInterface(child.stdout)) {
      if (line.includes("queued")) child.kill("SIGINT");
    }
    const [exitCode] = await ended;
    expect(exitCode).toBe(130);
    expect(stderr).toContain("slipway logs");
    expect(JSON.parse((await run(["history", "--json"], desk())).stdout)[0]).toMatchObject({
      status: "queued",
    });
    await run(["cancel", "--no-wait"], desk());
  });
});

describe("this machine", () => {
  test("doctor prints every check with what to do, and as JSON the same", async () => {
    const { stdout, exitCode } = await run(["doctor", "--json"]);
    const checks = JSON.parse(stdout) as { name: string; status: string; remedy?: string }[];
    expect(checks.map((check) => check.name)).toEqual(
      expect.arrayContaining(["node", "pulumi", "containment", "database", "disk"]),
    );
    for (const check of checks) if (check.status !== "ok") expect(check.remedy).toBeTruthy();
    expect(exitCode).toBe(checks.some((check) => check.status === "fail") ? 1 : 0);
    const text = await run(["doctor"]);
    for (const check of checks) expect(text.stdout).toContain(check.name);
  });

  test("start passes on the exit code and the sentence of what it runs", async () => {
    const file = path.join(server.home, "a-file");
    writeFileSync(file, "");
    const { exitCode, stderr } = await run(["start"], { env: { SLIPWAY_DATA_DIR: file } });
    expect(exitCode).toBe(1);
    expect(stderr).toContain("Slipway did not start");
  });
});

describe("usage", () => {
  test.each([
    [["delpoy"], "Did you mean deploy?"],
    [["deploy", "--two"], "slipway help deploy"],
    [["rollback", "--to", "first"], "whole number"],
    [["stacks", "show", "a/b/c/d"], "--stack"],
    [["stacks", "show", "../local"], "--stack"],
    [["stacks", "show", `desk/${"a".repeat(101)}`], "--stack"],
    [["deploy"], "--stack"],
    [["stacks"], "slipway --help"],
  ])("%j is exit code 2 with a remedy and without a stack trace", async (argv, remedy) => {
    const { exitCode, stderr } = await run(argv);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(remedy);
    expect(stderr).not.toMatch(/\n\s+at /);
  });

  test("with --json a failure is one JSON document on standard error and standard output stays empty", async () => {
    const { stdout, stderr, exitCode } = await run(["stacks", "show", "desk/none", "--json"]);
    expect([exitCode, stdout]).toEqual([3, ""]);
    expect(JSON.parse(stderr)).toMatchObject({ error: { code: "not_found", exitCode: 3 } });
  });

  test("no colours reach a pipe, also when the server's texts hold some", async () => {
    await run(["stacks", "tags", "-s", "desk/local", "colour=\u001b[31mred\u001b[2J"]);
    const { stdout } = await run(["stacks", "show", "desk/local"]);
    expect(stdout).toContain("red");
    expect(stdout).not.toContain("\u001b");
  });

  test("a reader that closes the pipe early is no error", async () => {
    const command = `"${process.execPath}" automation/bin/slipway.mjs audit --limit 200 | head -1`;
    const { stdout, stderr } = await execa("sh", ["-c", command], {
      cwd: REPOSITORY,
      env: own,
    });
    expect(stdout).toMatch(/^AT /);
    expect(stderr).toBe("");
  });

  test("the version is the package's", async () => {
    const file = path.join(REPOSITORY, "automation/package.json");
    const { version } = JSON.parse(readFileSync(file, "utf8")) as { version: string };
    expect((await run(["--version"])).stdout.trim()).toBe(version);
  });
});

/** A port that nothing listens on. */
function closedPort(): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer().listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
