import { chmodSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { onTestFinished } from "vitest";

/** A folder that is removed when the test has finished. `reachable`: other users may pass it, as a database started by root needs. */
export function temporaryFolder(name: string, { reachable = false }: { reachable?: boolean } = {}): string {
  const folder = realpathSync(mkdtempSync(path.join(tmpdir(), `slipway-${name}-`)));
  if (reachable) chmodSync(folder, 0o711);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
