import { readFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { systemCode } from "../errors.ts";

const StateFile = z.object({
  checkpoint: z.object({
    latest: z
      .object({
        manifest: z
          .object({
            version: z.string().nullish(),
            plugins: z
              .array(z.object({ name: z.string(), type: z.string(), version: z.string().nullish() }))
              .nullish(),
          })
          .nullish(),
        resources: z.array(z.object({ type: z.string() })).nullish(),
      })
      .nullish(),
  }),
});

/** What a release and a stack's row say of the state after an operation. */
export interface StateFacts {
  /** Without the stack's own entry. */
  resourceCount: number;
  plugins: { name: string; version: string | null }[];
}

const STACK_TYPE = "pulumi:pulumi:Stack";
const PROVIDER_TYPE = /^pulumi:providers:/;

/** Reads them from a `file://` state; zero resources when the stack has no state yet. */
export async function readStateFacts(
  backendUrl: string,
  project: string,
  stack: string,
): Promise<StateFacts> {
  const file = path.join(fileURLToPath(backendUrl), ".pulumi", "stacks", project, `${stack}.json`);
  let text: string;
  try {
    text = await readFile(file, "utf8");
  } catch (error) {
    if (systemCode(error) === "ENOENT") return { resourceCount: 0, plugins: [] };
    throw error;
  }
  const { latest } = StateFile.parse(JSON.parse(text)).checkpoint;
  const resources = latest?.resources ?? [];
  const plugins = (latest?.manifest?.plugins ?? []).filter(
    (plugin) => plugin.type === "resource" || plugin.type === "language",
  );
  return {
    resourceCount: resources.filter(({ type }) => type !== STACK_TYPE && !PROVIDER_TYPE.test(type)).length,
    plugins: plugins.map(({ name, version }) => ({ name, version: version ?? null })),
  };
}
