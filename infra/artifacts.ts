import { readFile } from "node:fs/promises";
import { join } from "node:path";
import pulumi from "@pulumi/pulumi";
import { z } from "zod";
import { digestFolder } from "./providers/local/folder-digest.ts";

const Artifact = z.object({
  path: z.string().startsWith("/"),
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/),
});
export type Artifact = z.infer<typeof Artifact>;

/** What a build made for each service of slipway.yaml. */
export const Artifacts = z.object({ "strategy-api": Artifact, "strategy-desk": Artifact });
export type Artifacts = z.infer<typeof Artifacts>;

const Version = z.object({ version: z.string().min(1) });

const root = join(import.meta.dirname, "..");
const builtHere = {
  "strategy-api": { path: join(root, "services/strategy-api/dist"), workspace: "services/strategy-api" },
  "strategy-desk": { path: join(root, "frontend/strategy-desk/dist"), workspace: "frontend/strategy-desk" },
} as const;

/** The artifacts named by the JSON file SLIPWAY_ARTIFACTS; in a deployment by hand, without it, what was built in this folder. */
export async function readArtifacts(): Promise<Artifacts> {
  const file = process.env.SLIPWAY_ARTIFACTS;
  if (file !== undefined && file !== "") return Artifacts.parse(JSON.parse(await readFile(file, "utf8")));
  return {
    "strategy-api": await localArtifact("strategy-api"),
    "strategy-desk": await localArtifact("strategy-desk"),
  };
}

/** The version that a bundle was built as. */
export async function versionOf(artifact: Artifact): Promise<string> {
  return Version.parse(JSON.parse(await readFile(join(artifact.path, "version.json"), "utf8"))).version;
}

async function localArtifact(service: keyof typeof builtHere): Promise<Artifact> {
  const { path, workspace } = builtHere[service];
  try {
    return { path, digest: await digestFolder(path) };
  } catch (thrown) {
    if (!(thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT")) throw thrown;
    throw new pulumi.RunError(`${service} is not built. Build it with: npm run build -w ${workspace}`);
  }
}
