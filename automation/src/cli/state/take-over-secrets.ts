import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { execa } from "execa";
import { stringify } from "yaml";
import type { Connection } from "../../client/call.ts";
import { pulumiEnvironment } from "../../engine/pulumi-cli/environment.ts";
import { resolvePulumi } from "../../engine/pulumi-cli/resolve.ts";
import { messageOf } from "../../errors.ts";
import type { CliContext } from "../context.ts";
import { clean } from "../output.ts";
import type { ImportReport, StackReport } from "./import-report.ts";
import { fetchState } from "./server-state.ts";

/** Of states of many thousand resources. */
const LIMIT_MS = 10 * 60_000;

/**
 * Seals the secrets of the imported passphrase stacks with Slipway's keys: Pulumi's own CLI opens them with the passphrase on this machine, and Slipway seals them. A stack
 * where that fails keeps its passphrase, and its note says so. The config file in the program's folder is the person's: a note says what to do with it.
 */
export async function takeOverSecrets(
  context: CliContext,
  connection: Connection,
  report: ImportReport,
  passphrase: string,
): Promise<ImportReport> {
  const found = await resolvePulumi({ env: context.env, nodePath: process.execPath, signal: context.signal });
  const home = await mkdtemp(path.join(tmpdir(), "slipway-secrets-"));
  try {
    const passphraseFile = path.join(home, "passphrase");
    await writeFile(passphraseFile, passphrase, { mode: 0o600 });
    const stacks: StackReport[] = [];
    for (const one of report.stacks) {
      const isTaken = one.outcome === "imported" || one.outcome === "already there";
      if (!isTaken || one.project === null || one.secretsProvider !== "passphrase") {
        stacks.push(one);
        continue;
      }
      const names = { organisation: report.organisation, project: one.project, stack: one.stack };
      const salt = saltIn(await fetchState(connection, names, null, context.signal));
      // Sealed by Slipway already, by an earlier run of this command.
      if (salt === null) {
        stacks.push({ ...one, secretsProvider: "service", notes: one.notes.filter(isNotOfPassphrase) });
        continue;
      }
      const folder = await mkdtemp(path.join(home, "stack-"));
      await writeFile(
        path.join(folder, "Pulumi.yaml"),
        stringify({ name: names.project, runtime: "nodejs" }),
      );
      await writeFile(path.join(folder, `Pulumi.${names.stack}.yaml`), stringify({ encryptionsalt: salt }), {
        mode: 0o600,
      });
      const label = `${names.organisation}/${names.project}/${names.stack}`;
      const env = {
        ...pulumiEnvironment(found),
        HOME: home,
        PULUMI_HOME: path.join(home, "pulumi-home"),
        PULUMI_BACKEND_URL: connection.baseUrl,
        PULUMI_ACCESS_TOKEN: connection.token ?? "",
        PULUMI_CONFIG_PASSPHRASE_FILE: passphraseFile,
      };
      const argv = ["stack", "change-secrets-provider", "default", "--stack", label, "--non-interactive"];
      try {
        await execa(found.path, argv, {
          cwd: folder,
          env,
          extendEnv: false,
          timeout: LIMIT_MS,
          cancelSignal: context.signal,
        });
        stacks.push({
          ...one,
          secretsProvider: "service",
          notes: [
            ...one.notes.filter(isNotOfPassphrase),
            `its secrets are sealed with Slipway's keys now; for those in Pulumi.${names.stack}.yaml run \`pulumi stack change-secrets-provider default --stack ${label}\` in the program's folder`,
          ],
        });
      } catch (thrown) {
        stacks.push({
          ...one,
          notes: [
            ...one.notes,
            `its secrets could not be sealed with Slipway's keys: ${clean(messageOf(thrown))}`,
          ],
        });
      }
    }
    return { ...report, stacks };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

function isNotOfPassphrase(note: string): boolean {
  return !note.startsWith("keeps its passphrase");
}

function saltIn(state: string): string | null {
  const { deployment } = JSON.parse(state) as {
    deployment?: { secrets_providers?: { type?: string; state?: { salt?: string } } };
  };
  const provider = deployment?.secrets_providers;
  return provider?.type === "passphrase" ? (provider.state?.salt ?? null) : null;
}
