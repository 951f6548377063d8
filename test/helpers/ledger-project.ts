import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import type { TestApi } from "./api.ts";
import { writeProject } from "./trivial-project.ts";
import { seedDependencies } from "./worker.ts";

const PROVIDER = path.resolve(import.meta.dirname, "../doubles/ledger");

/** What the program of a ledger project does; every part can be changed by writing the project again. */
export interface LedgerProgram {
  /** Exported as the output `version`. */
  version: string;
  /** The file that the provider writes to. */
  ledger: string;
  /** One resource each. */
  texts?: readonly string[];
  /** Lines in the ledger name the resource instead of the version. */
  distinct?: boolean;
  delayMs?: number;
  failsOn?: "create" | "update";
  /** The version of the provider that the program asks for, and others that can be had as well. */
  providerVersions?: readonly string[];
  /** Lines at the end of the program. */
  more?: string;
  slipwayYaml?: string;
  files?: Readonly<Record<string, string>>;
  /** Lines below `config:` of Pulumi.yaml. */
  config?: string;
}

/** Writes a project whose resources are lines in a file, so that what was begun and what took effect can be read afterwards. */
export function writeLedgerProject(folder: string, name: string, program: LedgerProgram): string {
  const {
    version,
    ledger,
    texts = ["one"],
    delayMs = 0,
    distinct = false,
    failsOn,
    providerVersions = [],
    more = "",
    slipwayYaml,
    files = {},
  } = program;
  return writeProject(folder, name, {
    "Pulumi.yaml": [
      `name: ${name}`,
      "runtime:",
      "  name: nodejs",
      "  options:",
      "    typescript: false",
      "plugins:",
      "  providers:",
      ...(providerVersions.length === 0 ? [null] : providerVersions).flatMap((one) => [
        "    - name: ledger",
        `      path: ${PROVIDER}`,
        ...(one === null ? [] : [`      version: ${one}`]),
      ]),
      ...(program.config === undefined ? [] : ["config:", program.config]),
      "",
    ].join("\n"),
    "index.js": `import pulumi from "@pulumi/pulumi";
class Entry extends pulumi.CustomResource {
  constructor(name, inputs) { super("ledger:index:Entry", name, inputs, ${JSON.stringify({ version: providerVersions[0] })}); }
}
for (const name of ${JSON.stringify(texts)}) {
  new Entry(name, { ...${JSON.stringify({ ledger, text: version, delayMs, failsOn })}${distinct ? ", text: name" : ""} });
}
export const version = ${JSON.stringify(version)};
${more}
`,
    "slipway.yaml": slipwayYaml ?? "gates: []\n",
    ...files,
  });
}

/** Registers a project's folder with one or more stacks; its dependencies need not be installed. Answers the stacks' addresses. */
export async function register(
  api: TestApi,
  name: string,
  folder: string,
  stacks: readonly string[] = ["test"],
): Promise<string[]> {
  seedDependencies(api.dataDir, folder);
  const project = await api.ask("POST", "/v1/projects", { body: { name, folder } });
  if (project.status !== 201) throw new Error(`creating the project failed: ${project.text}`);
  for (const stack of stacks) {
    const created = await api.ask("POST", "/v1/stacks", { body: { project: name, name: stack } });
    if (created.status !== 201) throw new Error(`creating the stack failed: ${created.text}`);
  }
  return stacks.map((stack) => `/v1/stacks/default/${name}/${stack}`);
}

/** The lines of a ledger, or of another file that a program writes to; none while it is not there. */
export function linesOf(file: string): string[] {
  return existsSync(file) ? readFileSync(file, "utf8").trim().split("\n") : [];
}
