import path from "node:path";
import { SlipwayError } from "../errors.ts";
import { readPrivateFile } from "../secrets/private-file.ts";
import type { CliContext } from "./context.ts";
import { usageError } from "./failure.ts";
import { readHidden } from "./hidden-input.ts";

/** Names a file that holds the passphrase, so that a timer needs no terminal. Never the passphrase itself: the environment is seen by others. */
const FILE_VARIABLE = "SLIPWAY_BACKUP_PASSPHRASE_FILE";

/**
 * The passphrase of a backup: of a file (mode 600), else typed unseen on a terminal, twice for a new one; null when there is neither. Throws SlipwayError `secret_file_exposed`,
 * `usage`.
 */
export async function readBackupPassphrase(
  context: CliContext,
  { file, isNew }: { file: string | undefined; isNew: boolean },
): Promise<string | null> {
  const named = file ?? (context.env[FILE_VARIABLE] || undefined);
  if (named !== undefined) {
    const place = path.resolve(context.cwd, named);
    const content = await readPrivateFile(place);
    if (content === undefined) {
      throw new SlipwayError("passphrase_missing", `There is no file ${place}.`, {
        remedy: `Write the passphrase into it, mode 600: (umask 077; openssl rand -base64 24 > ${place}).`,
      });
    }
    return content.replace(/\r?\n$/, "");
  }
  if (context.stdin.isTTY !== true) return null;
  const typed = await readHidden(
    context,
    isNew ? "Passphrase of the backup (12 characters or more)" : "Passphrase",
  );
  if (isNew && (await readHidden(context, "Once more")) !== typed)
    throw usageError("The two passphrases differ.", "Run the command again.");
  return typed;
}
