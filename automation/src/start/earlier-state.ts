import { readdirSync } from "node:fs";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { systemCode } from "../errors.ts";

/**
 * What to tell a person whose data folder holds stacks from before Slipway kept state in its database: the command that brings them over, for each
 * organisation. Empty when there are none.
 */
export function earlierStateHints(dataDir: string): string[] {
  const folder = path.join(dataDir, "state");
  return foldersIn(folder)
    .filter((organisation) => foldersIn(path.join(folder, organisation, ".pulumi", "stacks")).length > 0)
    .map((organisation) => {
      const from = pathToFileURL(path.join(folder, organisation)).href;
      const passphrase = path.join(folder, "passphrase");
      return (
        `Stacks of ${organisation} still lie in ${path.join(folder, organisation)}. Bring them over, then remove that folder: ` +
        `npx slipway state import --from ${from} --organisation ${organisation} --passphrase-file ${passphrase} --secrets-provider service`
      );
    });
}

function foldersIn(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
      entry.isDirectory() ? [entry.name] : [],
    );
  } catch (error) {
    // No such folder, or one that is not ours to read: then there is nothing to bring over.
    if (["ENOENT", "ENOTDIR", "EACCES"].includes(systemCode(error) ?? "")) return [];
    throw error;
  }
}
