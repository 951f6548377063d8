import type { Connection } from "../../client/call.ts";
import { messageOf, SlipwayError } from "../../errors.ts";
import type { CliContext } from "../context.ts";
import type { ImportReport, StackReport } from "./import-report.ts";
import type { OwnPulumi } from "./own-pulumi.ts";
import { openPulumi } from "./own-pulumi.ts";
import { fetchState } from "./server-state.ts";

/**
 * Seals the secrets of the imported passphrase stacks with Slipway's keys: Pulumi's own CLI opens them with the passphrase on this machine, and Slipway seals them. A
 * stack where that fails keeps its passphrase, and its note says so. The config file in the program's folder is the person's: a note says what to do with it.
 */
export async function takeOverSecrets(
  context: CliContext,
  connection: Connection,
  report: ImportReport,
  passphrase: string,
): Promise<ImportReport> {
  const pulumi = await openPulumi(context, connection, passphrase);
  try {
    const stacks: StackReport[] = [];
    for (const one of report.stacks) {
      const isTaken = one.outcome === "imported" || one.outcome === "already there";
      const isSealed = isTaken && one.project !== null && one.secretsProvider === "passphrase";
      stacks.push(isSealed ? await takeOver(context, connection, pulumi, report.organisation, one) : one);
    }
    return { ...report, stacks };
  } finally {
    await pulumi.close();
  }
}

async function takeOver(
  context: CliContext,
  connection: Connection,
  pulumi: OwnPulumi,
  organisation: string,
  report: StackReport,
): Promise<StackReport> {
  const names = { organisation, project: report.project ?? "", stack: report.stack };
  const taken = { ...report, secretsProvider: "service", notes: report.notes.filter(isNotOfPassphrase) };
  const salt = saltIn(await fetchState(connection, names, null, context.signal));
  // An earlier run of this command has done it.
  if (salt === null) return taken;
  const label = `${names.organisation}/${names.project}/${names.stack}`;
  const change = ["stack", "change-secrets-provider", "default", "--stack", label];
  try {
    const cwd = await pulumi.folderFor(names, { encryptionsalt: salt });
    await pulumi.run(change, { cwd, env: pulumi.slipway });
  } catch (thrown) {
    if (!(thrown instanceof SlipwayError)) throw thrown;
    const why = `its secrets could not be sealed with Slipway's keys: ${messageOf(thrown)}`;
    return { ...report, notes: [...report.notes, why] };
  }
  const file = `Pulumi.${names.stack}.yaml`;
  const note = `its secrets are sealed with Slipway's keys now; for those in ${file} run \`pulumi ${change.join(" ")}\` in the program's folder`;
  return { ...taken, notes: [...taken.notes, note] };
}

function isNotOfPassphrase(note: string): boolean {
  return !note.startsWith("keeps its passphrase");
}

function saltIn(state: string): string | null {
  const { deployment } = JSON.parse(state) as {
    deployment?: { secrets_providers?: { type?: string; state?: { salt?: string } } } | null;
  };
  const provider = deployment?.secrets_providers;
  return provider?.type === "passphrase" ? (provider.state?.salt ?? null) : null;
}
