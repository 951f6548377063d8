import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { writeProject } from "./trivial-project.ts";

/** The package that packs are written with. It is no dependency of this repository; the rest of what it needs is. */
const POLICY_SDK = {
  version: "1.21.0",
  integrity:
    "sha512-tLczMS7S2UUpc1qO9xvGY54GumUShTNxm/BY/T1fb0Hp/ILScxXzrmLpkbt4KUGZAcX/EdGLVuMGHyhreqbfvg==",
  license: "Apache-2.0",
  dependencies: {
    "@grpc/grpc-js": "^1.10.1",
    "@pulumi/pulumi": "^3.204.0",
    "google-protobuf": "^3.21.4",
  },
};

/** Writes a policy pack with a lockfile. `policies`: the source of an array of policies; the pack's name for itself is `name`. */
export function writePack(folder: string, name: string, policies: string): string {
  writeProject(folder, name, {
    "PulumiPolicy.yaml": "runtime: nodejs\nversion: 1.0.0\n",
    "index.js": `const policy = require("@pulumi/policy");\nnew policy.PolicyPack(${JSON.stringify(name)}, { policies: ${policies} });\n`,
  });
  const manifest = path.join(folder, "package.json");
  const lockfile = path.join(folder, "package-lock.json");
  const { type: _, ...pack } = JSON.parse(readFileSync(manifest, "utf8")) as {
    type: string;
    dependencies: Record<string, string>;
  };
  const dependencies = { ...pack.dependencies, "@pulumi/policy": POLICY_SDK.version };
  writeFileSync(manifest, JSON.stringify({ ...pack, version: "1.0.0", dependencies }));
  const lock = JSON.parse(readFileSync(lockfile, "utf8")) as { packages: Record<string, object> };
  lock.packages[""] = { ...lock.packages[""], version: "1.0.0", dependencies };
  lock.packages["node_modules/@pulumi/policy"] = POLICY_SDK;
  writeFileSync(lockfile, JSON.stringify({ ...lock, version: "1.0.0" }));
  return folder;
}

/** A pack's files as they are published. */
export function packFilesOf(folder: string): { path: string; content: string }[] {
  return readdirSync(folder)
    .filter((name) => name !== "Pulumi.yaml")
    .map((name) => ({ path: name, content: readFileSync(path.join(folder, name)).toString("base64") }));
}
