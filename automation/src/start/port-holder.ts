import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { SlipwayError, systemCode } from "../errors.ts";
import { findProcess } from "../process-table.ts";

/** Proves that the address can be listened on. Throws one sentence that names who holds the port, if that can be found. */
export async function checkPortFree(host: string, port: number): Promise<void> {
  if (port === 0) return;
  const probe = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      probe.once("error", reject);
      probe.listen({ host, port, exclusive: true }, resolve);
    });
    await new Promise<void>((resolve) => probe.close(() => resolve()));
  } catch (cause) {
    const code = systemCode(cause);
    if (code === "EADDRINUSE") {
      const holder = holderOf(port);
      throw new SlipwayError(
        "port_in_use",
        `Port ${port} on ${host} is in use${holder === undefined ? "" : ` by ${holder}`}.`,
        { cause, remedy: "Stop that program, or set SLIPWAY_PORT to another port." },
      );
    }
    const reason = code === "EACCES" ? "this user may not listen there" : (code ?? "unknown reason");
    throw new SlipwayError("port_unusable", `Slipway cannot listen on ${host} port ${port}: ${reason}.`, {
      cause,
      remedy: "Set SLIPWAY_HOST to an address of this machine and SLIPWAY_PORT to a port from 1024 up.",
    });
  }
}

/** The process that listens on a TCP port, as "process 123 (its command)"; undefined when it cannot be told. */
export function holderOf(port: number): string | undefined {
  const pid = process.platform === "linux" ? pidFromProc(port) : pidFromLsof(port);
  if (pid === undefined) return undefined;
  const command = findProcess(pid)?.command.slice(0, 120);
  return `process ${pid}${command ? ` (${command})` : ""}`;
}

/** TCP_LISTEN in /proc/net/tcp. */
const LISTENING = "0A";

function pidFromProc(port: number): number | undefined {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  const sockets = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of lines(table)) {
      const fields = line.trim().split(/\s+/);
      if (fields[1]?.endsWith(`:${hex}`) && fields[3] === LISTENING) sockets.add(`socket:[${fields[9]}]`);
    }
  }
  if (sockets.size === 0) return undefined;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .find((pid) => openFiles(pid).some((target) => sockets.has(target)));
}

function lines(file: string): string[] {
  try {
    return readFileSync(file, "utf8").split("\n");
  } catch {
    // No IPv6 on this machine, or /proc is hidden: the holder stays unknown.
    return [];
  }
}

function openFiles(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  const of = <T>(read: () => T[]): T[] => {
    try {
      return read();
    } catch {
      // Another user's process, one that has just ended, or a file that was closed between the two looks.
      return [];
    }
  };
  return of(() => readdirSync(folder)).flatMap((name) => of(() => [readlinkSync(`${folder}/${name}`)]));
}

function pidFromLsof(port: number): number | undefined {
  try {
    const out = execFileSync("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-t"], { encoding: "utf8" });
    return Number(out.split("\n")[0]) || undefined;
  } catch {
    // lsof is missing or found nothing.
    return undefined;
  }
}
