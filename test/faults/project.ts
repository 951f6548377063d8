import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { writeProject } from "../helpers/trivial-project.ts";
import { seedDependencies } from "../helpers/worker.ts";
import type { Bed } from "./bed.ts";
import type { LedgerLine } from "./ledger.ts";
import { readLedger } from "./ledger.ts";

const PROVIDER = path.join(import.meta.dirname, "provider");
const TEXTS = ["one", "two", "three"];

/** A project of one trial with one stack, whose resources are lines of its ledger. */
export interface WitnessProject {
  readonly name: string;
  readonly folder: string;
  readonly ledgerFolder: string;
  readonly params: { organisation: string; project: string; stack: string };
  lines(): LedgerLine[];
  /** Writes the program anew; the next deployment takes it. */
  write(text: string, more?: ProgramOptions): void;
  /** `program-v1`, `create-two-v1`: the program, or an operation, of the deployment with this text waits while it is held. */
  hold(what: string): void;
  release(what: string): void;
}

export interface ProgramOptions {
  names?: readonly string[];
  /** Lines at the beginning of the program, after its imports. */
  before?: string;
  /** Lines at its end. */
  after?: string;
  slipwayYaml?: string;
}

/** Makes and registers a project with its stack `dev`. `installs`: its dependencies are not in the store yet. */
export async function makeWitnessProject(
  bed: Bed,
  name: string,
  { installs = false, canary }: { installs?: boolean; canary?: string } = {},
): Promise<WitnessProject> {
  const folder = path.join(bed.projects, name);
  const ledgerFolder = path.join(bed.projects, `${name}-ledger`);
  mkdirSync(ledgerFolder);
  const params = { organisation: "default", project: name, stack: "dev" };
  const project: WitnessProject = {
    name,
    folder,
    ledgerFolder,
    params,
    lines: () => readLedger(path.join(ledgerFolder, "ledger.jsonl")),
    write: (text, more = {}) => {
      writeProject(folder, name, filesOf(name, text, ledgerFolder, more, canary !== undefined));
      if (installs) makeLockUnique(folder, name);
    },
    hold: (what) => writeFileSync(path.join(ledgerFolder, `hold-${what}`), ""),
    release: (what) => rmSync(path.join(ledgerFolder, `hold-${what}`), { force: true }),
  };
  project.write("v1");
  if (!installs) seedDependencies(bed.dataDir, folder);
  await bed.client.createProject({ body: { name, folder } });
  await bed.client.createStack({ body: { project: name, name: "dev" } });
  if (canary !== undefined) {
    await bed.client.setConfig({
      params: { ...params, key: "canary" },
      body: { value: canary, secret: true },
    });
  }
  return project;
}

function filesOf(
  name: string,
  text: string,
  ledger: string,
  { names = TEXTS, before = "", after = "", slipwayYaml = "gates: []\n" }: ProgramOptions,
  hasCanary: boolean,
): Record<string, string> {
  return {
    "Pulumi.yaml": [
      `name: ${name}`,
      "runtime:",
      "  name: nodejs",
      "  options:",
      "    typescript: false",
      "plugins:",
      "  providers:",
      "    - name: witness",
      `      path: ${PROVIDER}`,
      "",
    ].join("\n"),
    "slipway.yaml": slipwayYaml,
    "index.js": `import { appendFileSync, existsSync } from "node:fs";
import { randomUUID } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import pulumi from "@pulumi/pulumi";
const ledger = ${JSON.stringify(ledger)};
const text = ${JSON.stringify(text)};
const dryRun = pulumi.runtime.isDryRun();
const line = { kind: "program", operation: dryRun ? "preview" : "update", name: process.cwd(), text, writer: randomUUID() };
appendFileSync(ledger + "/ledger.jsonl", JSON.stringify({ ...line, atMs: Number(process.hrtime.bigint() / 1000000n) }) + "\\n");
${before}
while (!dryRun && existsSync(ledger + "/hold-program-" + text)) await pause(50);
${
  hasCanary
    ? `export const canary = new pulumi.Config().requireSecret("canary");\n// Pulumi itself takes a secret in clear out of what a program prints, but no other form of it.
canary.apply((value) => console.log("the canary sings " + value + " or " + Buffer.from(value).toString("base64")));`
    : ""
}
class Entry extends pulumi.CustomResource {
  constructor(name, inputs, options) { super("witness:index:Entry", name, inputs, options); }
}
let last;
for (const name of ${JSON.stringify(names)}) {
  last = new Entry(name, { folder: ledger, name, text }, last === undefined ? {} : { dependsOn: [last] });
}
export const version = text;
${after}
`,
  };
}

/** A lock of its own, so that its dependencies have to be installed. */
function makeLockUnique(folder: string, name: string): void {
  for (const file of ["package.json", "package-lock.json"]) {
    const place = path.join(folder, file);
    const parsed = JSON.parse(readFileSync(place, "utf8")) as Record<string, unknown>;
    writeFileSync(place, JSON.stringify({ ...parsed, name }));
  }
}

/** Holds, or lets go, everything that installs dependencies. */
export const installation = {
  hold: (bed: Bed): void => writeFileSync(path.join(bed.folder, "hold-install"), ""),
  release: (bed: Bed): void => {
    rmSync(path.join(bed.folder, "hold-install"), { force: true });
    rmSync(path.join(bed.folder, "hold-install-reached"), { force: true });
  },
  isReached: (bed: Bed): boolean => existsSync(path.join(bed.folder, "hold-install-reached")),
};
