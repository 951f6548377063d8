import { readdir, readFile } from "node:fs/promises";
import path from "node:path";
import { SlipwayError, systemCode } from "../errors.ts";
import type { PulumiProject, StackConfigFile } from "./pulumi-yaml.ts";
import { parsePulumiProject, parseStackConfig } from "./pulumi-yaml.ts";
import type { Manifest } from "./slipway-yaml.ts";
import { EMPTY_MANIFEST, parseManifest } from "./slipway-yaml.ts";

/** What the files in the root of a project say. */
export interface ProjectFiles {
  manifest: Manifest;
  pulumiProject: PulumiProject;
  /** By stack name. */
  stackConfigFiles: Record<string, StackConfigFile>;
}

const STACK_FILE = /^Pulumi\.(.+)\.yaml$/;

/** Reads slipway.yaml, Pulumi.yaml and every Pulumi.<stack>.yaml of a folder. Throws `source_invalid` or `slipway_yaml_invalid`. */
export async function readProjectFiles(folder: string): Promise<ProjectFiles> {
  const [project, manifest, names] = await Promise.all([
    readText(path.join(folder, "Pulumi.yaml")),
    readText(path.join(folder, "slipway.yaml")),
    readdir(folder),
  ]);
  if (project === null) {
    throw new SlipwayError("source_invalid", `${folder} holds no Pulumi.yaml`, {
      remedy: "Register the folder that holds the project's Pulumi.yaml.",
    });
  }
  const pulumiProject = parsePulumiProject(project);
  const stackConfigFiles: Record<string, StackConfigFile> = {};
  for (const file of names) {
    const stack = STACK_FILE.exec(file)?.[1];
    if (stack === undefined) continue;
    const text = await readText(path.join(folder, file));
    stackConfigFiles[stack] = parseStackConfig(text ?? "", file, pulumiProject.name);
  }
  return {
    manifest: manifest === null ? EMPTY_MANIFEST : parseManifest(manifest),
    pulumiProject,
    stackConfigFiles,
  };
}

/**
 * The config that the archive itself holds for a stack; empty when there is no file for it. Throws `source_invalid` when the file is for a key that is not
 * Slipway's: neither its values nor the stack's secrets could be read.
 */
export function committedConfig(
  files: ProjectFiles,
  stack: string,
): Pick<StackConfigFile, "values" | "encrypted"> {
  const file = files.stackConfigFiles[stack];
  if (file === undefined) return { values: {}, encrypted: {} };
  if (file.foreignKey === null) return file;
  throw new SlipwayError(
    "source_invalid",
    `Pulumi.${stack}.yaml encrypts with a key that Slipway does not have (${file.foreignKey}).`,
    {
      remedy: `Run 'pulumi stack change-secrets-provider default --stack ${stack}' against Slipway and commit the file, or take that line and the encrypted values out and set these with 'slipway config set --secret'.`,
    },
  );
}

async function readText(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    throw error;
  }
}
