import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from "node:fs";
import path from "node:path";
import { pulumiEnvironment } from "../../automation/src/engine/pulumi-cli/environment.ts";
import { pulumiForTests } from "../../automation/src/engine/pulumi-cli/testing.ts";
import type { Installation, Ran } from "./installation.ts";
import { ran } from "./installation.ts";
import { writeLedgerProject } from "./ledger-project.ts";
import { eventually } from "./waiting.ts";

const REPOSITORY = path.resolve(import.meta.dirname, "../..");
const BEGINS_WITHIN_MS = 60_000;

/** An entry of the program: a line in the ledger that takes so long to create. */
export interface LaptopEntry {
  name: string;
  delayMs?: number;
  /** Name of the entry that it is a child of. */
  parent?: string;
}

/** A folder of a person's own with a Pulumi program, and their stock CLI, logged in to a Slipway. */
export interface Laptop {
  folder: string;
  write(entries: readonly LaptopEntry[], more?: string): void;
  /** Runs `pulumi --non-interactive <args>` to its end. */
  pulumi(args: readonly string[], env?: Readonly<Record<string, string>>): Promise<Ran>;
  /** Starts `pulumi up`, waits until the entry is being created, and answers what kills all of it at once, as a lost power does. */
  upUntilCreating(entry: string): Promise<() => Promise<void>>;
}

/** Sets it up below the home of an installation, for the project `laptop`. */
export async function openLaptop(slipway: Installation): Promise<Laptop> {
  const found = await pulumiForTests();
  const folder = path.join(slipway.home, "laptop");
  const ledger = path.join(slipway.home, "ledger");
  const env = {
    ...pulumiEnvironment(found),
    HOME: slipway.home,
    TMPDIR: slipway.tmp,
    PULUMI_HOME: path.join(slipway.home, ".pulumi"),
    SLIPWAY_TEST_MARK: process.env.SLIPWAY_TEST_MARK ?? "",
  };
  const pulumi: Laptop["pulumi"] = (args, more = {}) =>
    ran([found.path, "--non-interactive", ...args], { cwd: folder, env: { ...env, ...more } });
  const write: Laptop["write"] = (entries, more = "") => {
    const lines = entries.map(({ name, delayMs = 0, parent }) => {
      const inputs = JSON.stringify({ ledger, text: name, delayMs });
      const options = parent === undefined ? "" : `, { parent: entries[${JSON.stringify(parent)}] }`;
      return `entries[${JSON.stringify(name)}] = new Child(${JSON.stringify(name)}, ${inputs}${options});`;
    });
    const child = `class Child extends pulumi.CustomResource {
  constructor(name, inputs, options) { super("ledger:index:Entry", name, inputs, options); }
}
const entries = {};`;
    writeLedgerProject(folder, "laptop", {
      version: "v1",
      ledger,
      texts: [],
      more: [child, ...lines, more].join("\n"),
    });
  };
  write([]);
  const modules = path.join(folder, "node_modules");
  mkdirSync(modules, { recursive: true });
  for (const name of readdirSync(path.join(REPOSITORY, "node_modules"))) {
    if (!name.startsWith("."))
      symlinkSync(path.join(REPOSITORY, "node_modules", name), path.join(modules, name));
  }
  const login = await pulumi(["login", slipway.baseUrl], { PULUMI_ACCESS_TOKEN: slipway.token });
  if (login.code !== 0) throw new Error(`pulumi login failed:\n${login.stdout}${login.stderr}`);
  return {
    folder,
    write,
    pulumi,
    upUntilCreating: async (entry) => {
      // A PID namespace ends whole: the CLI's plugins have process groups of their own.
      const isolation = ["--fork", "--pid", "--mount-proc", "--kill-child=SIGKILL"];
      const command = [found.path, "--non-interactive", "up", "--yes", "--skip-preview"];
      const child: ChildProcess = spawn("unshare", [...isolation, ...command], {
        cwd: folder,
        env,
        stdio: ["ignore", "pipe", "pipe"],
      });
      let printed = "";
      for (const stream of [child.stdout, child.stderr])
        stream?.on("data", (data: Buffer) => {
          printed += data.toString();
        });
      const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
      const kill = async () => {
        child.kill("SIGKILL");
        await ended;
      };
      await eventually(`the create of ${entry}`, BEGINS_WITHIN_MS, () => {
        if (child.exitCode !== null) throw new Error(`pulumi up ended with ${child.exitCode}:\n${printed}`);
        return existsSync(ledger) && readFileSync(ledger, "utf8").includes(`started create ${entry}`);
      });
      return kill;
    },
  };
}
