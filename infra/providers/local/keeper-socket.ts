import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

/** A socket's path must fit into sockaddr_un, 104 bytes on macOS and 108 on Linux, with its closing zero. */
const MAX_SOCKET_PATH_BYTES = 100;

/** The file in which the keeper records its socket's path when that is not the usual one. 0600. */
export function socketRecordPath(dataDir: string): string {
  return join(resolve(dataDir), "run", "keeper.socket-path");
}

/** Where the keeper listens when nothing speaks against it. */
export function usualSocket(dataDir: string): string {
  return join(resolve(dataDir), "run", "keeper.sock");
}

/** Where the keeper of a data folder listens: below the folder, or for a long path in a short folder of its own under the system's temporary one. */
export function chooseKeeperSocket(dataDir: string): string {
  const usual = usualSocket(dataDir);
  if (Buffer.byteLength(usual) <= MAX_SOCKET_PATH_BYTES) return usual;
  const name = createHash("sha256").update(resolve(dataDir)).digest("hex").slice(0, 16);
  return join(tmpdir(), `slipway-${name}`, "keeper.sock");
}

/** The socket of the keeper of a data folder, for callers: the recorded path where there is a record (the keeper may have had another TMPDIR), else the chosen one. */
export function resolveKeeperSocket(dataDir: string): string {
  try {
    const recorded = readFileSync(socketRecordPath(dataDir), "utf8").trim();
    if (recorded !== "") return recorded;
  } catch (thrown) {
    // No record: the usual path was short enough, or no keeper has run yet; connecting will tell.
    if (!(thrown instanceof Error && "code" in thrown && thrown.code === "ENOENT")) throw thrown;
  }
  return chooseKeeperSocket(dataDir);
}
