import { mkdtemp, readFile } from "node:fs/promises";
import path from "node:path";
import { DIY_ORGANISATION, STACKS_PREFIX } from "./layout.ts";
import type { OwnPulumi } from "./own-pulumi.ts";
import type { StackNames } from "./server-state.ts";

/**
 * The checkpoint file of a stack whose secrets Slipway has sealed, with its secrets sealed by the passphrase instead. Pulumi's own CLI does it: the clear text goes from one run to
 * the other in memory and is in no file.
 */
export async function sealedWithPassphrase(pulumi: OwnPulumi, names: StackNames): Promise<string> {
  const { organisation, project, stack } = names;
  const cwd = await pulumi.folderFor(names, {});
  const exportClear = ["stack", "export", "--show-secrets", "--stack", `${organisation}/${project}/${stack}`];
  const clear = await pulumi.run(exportClear, { cwd, env: pulumi.slipway });
  const backend = await mkdtemp(path.join(pulumi.home, "backend-"));
  const env = { PULUMI_BACKEND_URL: `file://${backend}` };
  const name = `${DIY_ORGANISATION}/${project}/${stack}`;
  await pulumi.run(["stack", "init", name, "--secrets-provider", "passphrase", "--no-select"], { cwd, env });
  await pulumi.run(["stack", "import", "--stack", name], { cwd, env, input: clear });
  return readFile(path.join(backend, `${STACKS_PREFIX}${project}/${stack}.json`), "utf8");
}
