import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { pathToFileURL } from "node:url";
import { readOrMakePrivateFile } from "../secrets/private-file.ts";

const PASSPHRASE_BYTES = 32;

/** Where the state of an organisation's stacks lies and what opens it; all paths are absolute. */
export interface LocalState {
  /** `file://` URL for PULUMI_BACKEND_URL. */
  backendUrl: string;
  /** PULUMI_HOME of Slipway: the plugins, and no credentials of the person who runs it. */
  pulumiHome: string;
  /** 0600 file for PULUMI_CONFIG_PASSPHRASE_FILE. */
  passphraseFile: string;
}

/**
 * The local state of one organisation below a data folder; makes its folders and, the first time, the passphrase. Workers and whoever runs `pulumi` by
 * hand take it from here, so that both see the same stacks.
 */
export async function localState(dataDir: string, organisation: string): Promise<LocalState> {
  const root = path.resolve(dataDir);
  const folder = path.join(root, "state", organisation);
  const pulumiHome = path.join(root, "pulumi-home");
  const passphraseFile = path.join(root, "state", "passphrase");
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await mkdir(pulumiHome, { recursive: true, mode: 0o700 });
  await readOrMakePrivateFile(
    passphraseFile,
    () => `${randomBytes(PASSPHRASE_BYTES).toString("base64url")}\n`,
  );
  return { backendUrl: pathToFileURL(folder).href, pulumiHome, passphraseFile };
}

/** The variables with which a bare `pulumi` works on the same stacks as Slipway. Holds the path of the passphrase, not the passphrase. */
export async function localStateEnvironment(
  dataDir: string,
  organisation: string,
): Promise<Record<string, string>> {
  const state = await localState(dataDir, organisation);
  return {
    PULUMI_BACKEND_URL: state.backendUrl,
    PULUMI_HOME: state.pulumiHome,
    PULUMI_CONFIG_PASSPHRASE_FILE: state.passphraseFile,
  };
}
