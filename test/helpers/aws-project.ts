import type { AwsSystem } from "./aws-system.ts";
import { writeProject } from "./trivial-project.ts";

/** One version of a project whose stacks are on AWS. */
export interface AwsVersion {
  version: string;
  systems: Readonly<Record<string, AwsSystem>>;
  /** In place of the output of that name. */
  manifest?: unknown;
  /** What a call of one of its functions answers beside the version; left out: 200. */
  statusCode?: number;
  /** Whether its functions throw when they are called for anything but their health. */
  fails?: boolean;
  /** More variables of its functions: another configuration. */
  variables?: Readonly<Record<string, string>>;
  slipwayYaml?: string;
  /** Lines at the end of the program, for which `new Resource("<module>:<type>", name, inputs)` makes one of `aws:lambda`. */
  more?: string;
}

/**
 * Writes a project that builds two functions and a site, and whose program declares the functions with their aliases as the sample's does, and the manifest. Its outputs tell which pins it was given. Its resources
 * have no package: loading @pulumi/aws would be most of what an engine does here.
 */
export function writeAwsProject(folder: string, name: string, built: AwsVersion): string {
  const { version, systems, manifest, statusCode = 200, slipwayYaml = "", variables = {} } = built;
  const fault =
    built.fails === true ? 'if (!event?.rawPath?.endsWith("/health")) throw new Error("ill"); ' : "";
  const stacks = Object.fromEntries(
    Object.entries(systems).map(([stack, system]) => [
      stack,
      { role: system.roleArn, manifest: manifest ?? system.manifest, functions: system.manifest.functions },
    ]),
  );
  return writeProject(folder, name, {
    "index.js": `import { readFileSync } from "node:fs";
import pulumi from "@pulumi/pulumi";
const stack = ${JSON.stringify(stacks)}[pulumi.getStack()];
const file = process.env.SLIPWAY_PINS;
export const pins = file === undefined ? {} : JSON.parse(readFileSync(file, "utf8"));
class Resource extends pulumi.CustomResource {
  constructor(type, name, inputs, options) {
    super("aws:lambda/" + type, name, { version: undefined, ...inputs }, { version: "7.48.0", ...options });
  }
}
for (const [key, { name }] of Object.entries(stack.functions)) {
  const pin = pins[key];
  const code = pin === undefined
    ? { code: new pulumi.asset.AssetArchive({ "index.mjs": new pulumi.asset.StringAsset("export const handler = async () => ({ statusCode: 503 });") }) }
    : { s3Bucket: stack.manifest.artifactsBucket, s3Key: pin.s3Key, s3ObjectVersion: pin.s3ObjectVersion };
  const made = new Resource("function:Function", key, {
    name, role: stack.role, runtime: "nodejs22.x", handler: "index.handler", architectures: ["arm64"], publish: true, ...code,
    environment: { variables: { STAGE: pulumi.getStack(), ...${JSON.stringify(variables)} } },
  }, { ignoreChanges: ["code", "s3Bucket", "s3Key", "s3ObjectVersion"] });
  new Resource("alias:Alias", key, { name: "live", functionName: name, functionVersion: pin?.version ?? made.version },
    { dependsOn: made, ignoreChanges: ["routingConfig"] });
}
export const manifest = stack.manifest;
${built.more ?? ""}
`,
    "build.mjs": `import { mkdirSync, writeFileSync } from "node:fs";
const version = ${JSON.stringify(version)};
for (const name of ["audit", "health"]) {
  mkdirSync("dist/functions/" + name, { recursive: true });
  writeFileSync("dist/functions/" + name + "/index.mjs",
    \`export const handler = async (event) => { ${fault}return { statusCode: \${name === "health" ? ${String(statusCode)} : 200}, body: "\${version} of \${name} on " + process.env.STAGE }; };\\n\`);
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
