// Plain JavaScript: start.mjs uses it under any Node >= 20, before anything is installed.
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";

let made = 0;

/**
 * Takes the lock file `file`, or answers who holds it. A lock whose holder is gone is taken over.
 * @param {string} file
 * @returns {{ release: () => void } | { holder: number }}
 */
export function tryLock(file) {
  made += 1;
  const own = `${file}.${process.pid}.${made}`;
  const me = { pid: process.pid, startedAt: startOf(process.pid) };
  writeFileSync(own, JSON.stringify(me), { mode: 0o600 });
  try {
    for (;;) {
      try {
        // A link appears with its content at once, and never replaces another one.
        linkSync(own, file);
        return { release: () => release(file, me) };
      } catch (error) {
        if (error.code !== "EEXIST") throw error;
      }
      const held = read(file);
      if (held === undefined) continue;
      if (held.startedAt !== undefined && startOf(held.pid) === held.startedAt) return { holder: held.pid };
      takeAway(file, held);
    }
  } finally {
    rmSync(own, { force: true });
  }
}

/** Moves a dead holder's lock away, and puts it back when it turns out to be another one that was taken meanwhile. */
function takeAway(file, held) {
  made += 1;
  const aside = `${file}.stale.${process.pid}.${made}`;
  try {
    renameSync(file, aside);
  } catch (error) {
    // Somebody else was quicker; the next round sees what is there now.
    if (error.code === "ENOENT") return;
    throw error;
  }
  const moved = read(aside);
  if (moved !== undefined && (moved.pid !== held.pid || moved.startedAt !== held.startedAt)) {
    try {
      linkSync(aside, file);
    } catch (error) {
      if (error.code !== "EEXIST") throw error;
    }
  }
  rmSync(aside, { force: true });
}

function release(file, me) {
  const held = read(file);
  if (held?.pid === me.pid && held.startedAt === me.startedAt) rmSync(file, { force: true });
}

function read(file) {
  let text;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    if (error.code === "ENOENT") return undefined;
    throw error;
  }
  try {
    const { pid, startedAt } = JSON.parse(text);
    return { pid, startedAt };
  } catch {
    // Not written by us in full: nobody holds it.
    return { pid: 0, startedAt: undefined };
  }
}

/** Tells two processes with the same pid apart where the system says when each began (Linux); undefined when there is none. */
function startOf(pid) {
  if (!Number.isInteger(pid) || pid <= 0) return undefined;
  if (process.platform === "linux") {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      return fields[0] === "Z" || fields[0] === "X" ? undefined : fields[19];
    } catch {
      // There is no such process.
      return undefined;
    }
  }
  try {
    process.kill(pid, 0);
    return "running";
  } catch (error) {
    return error.code === "EPERM" ? "running" : undefined;
  }
}
