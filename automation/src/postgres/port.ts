import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import path from "node:path";
import { systemCode } from "../errors.ts";
import { writeDurably } from "./credentials.ts";

/**
 * The loopback port of the embedded Postgres: chosen once and kept, so that connection strings stay valid over restarts.
 * Only when something else has taken it is another one chosen, and `onProgress` says so.
 */
export async function choosePort(dir: string, onProgress: (message: string) => void): Promise<number> {
  const file = path.join(dir, "port");
  const kept = readKept(file);
  if (kept !== undefined && (await tryListen(kept)) !== undefined) return kept;
  const port = await tryListen(0);
  if (port === undefined) throw new Error("the system gave no free port on 127.0.0.1");
  if (kept !== undefined)
    onProgress(`Port ${kept} of the database is taken by another program; using ${port} from now on.`);
  writeDurably(file, `${port}\n`);
  return port;
}

function readKept(file: string): number | undefined {
  try {
    const port = Number(readFileSync(file, "utf8"));
    return Number.isInteger(port) && port > 0 && port < 65536 ? port : undefined;
  } catch (error) {
    if (systemCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

async function tryListen(port: number): Promise<number | undefined> {
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      probe.once("error", reject);
      probe.listen({ host: "127.0.0.1", port, exclusive: true }, resolve);
    });
  } catch (error) {
    if (systemCode(error) === "EADDRINUSE" || systemCode(error) === "EACCES") return undefined;
    throw error;
  }
  const address = probe.address();
  await new Promise<void>((resolve) => probe.close(() => resolve()));
  return typeof address === "object" && address !== null ? address.port : undefined;
}
