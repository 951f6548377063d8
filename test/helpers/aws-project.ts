import { writeProject } from "./trivial-project.ts";

/** One version of a project whose stack is on AWS. */
export interface AwsVersion {
  version: string;
  /** The output of that name, by stack. */
  manifests: Readonly<Record<string, unknown>>;
  /** What a call of its functions answers beside the version; left out: 200. */
  statusCode?: number;
  slipwayYaml?: string;
}

/**
 * Writes a project that builds two functions and a site, and whose program declares nothing but the manifest of what is there already. Its outputs tell which pins it was given.
 */
export function writeAwsProject(folder: string, name: string, built: AwsVersion): string {
  const { version, manifests, statusCode = 200, slipwayYaml = "" } = built;
  return writeProject(folder, name, {
    "index.js": `import { readFileSync } from "node:fs";
import pulumi from "@pulumi/pulumi";
const file = process.env.SLIPWAY_PINS;
const artifacts = JSON.parse(readFileSync(process.env.SLIPWAY_ARTIFACTS ?? "/dev/null", "utf8") || "{}");
export const pins = file === undefined ? {} : JSON.parse(readFileSync(file, "utf8"));
export const manifest = ${JSON.stringify(manifests)}[pulumi.getStack()];
export const digest = artifacts.system?.digest ?? "none";
`,
    "build.mjs": `import { mkdirSync, writeFileSync } from "node:fs";
const version = ${JSON.stringify(version)};
for (const name of ["audit", "health"]) {
  mkdirSync("dist/functions/" + name, { recursive: true });
  writeFileSync("dist/functions/" + name + "/index.mjs",
    \`export const handler = async () => ({ statusCode: \${name === "health" ? ${String(statusCode)} : 200}, body: "\${version} of \${name} on " + process.env.STAGE });\\n\`);
}
mkdirSync("dist/site/assets", { recursive: true });
writeFileSync("dist/site/assets/app-" + version.replace(/\\W/g, "") + "0000000.js", "console.log(" + JSON.stringify(version) + ")");
writeFileSync("dist/site/index.html", "<!doctype html><title>" + version + "</title>");
`,
    "slipway.yaml": `services:
  system:
    path: .
    build: [node, build.mjs]
    artifact: dist
    functions: functions
    site: site
    siteConfig: config.json
${slipwayYaml}`,
  });
}
