import { lstatSync } from "node:fs";
import path from "node:path";
import { firstClosedFolder } from "../postgres/unprivileged-user.ts";

/** The user `nobody` of every Linux. */
export const GATE_USER = { name: "nobody", uid: 65_534, gid: 65_534 };

/** What a gate's command may see of what lies in folders that are closed to its user. */
export interface SeenFolders {
  /** Hidden whole, but for what is named below. */
  hidden: readonly string[];
  writable: readonly string[];
  readable: readonly string[];
}

/**
 * Arguments before a gate's own command: it runs as an unprivileged user and sees, of what is hidden, only what it is for. Files outside of hidden folders are left to their own modes.
 */
export function asOwnUser(
  { bwrap, setpriv }: { bwrap: string; setpriv: string },
  { hidden, writable, readable }: SeenFolders,
  cwd: string,
): string[] {
  const user = GATE_USER;
  const wanted = [
    ...readable.map((folder) => ({ folder, how: "--ro-bind" })),
    ...writable.map((folder) => ({ folder, how: "--bind" })),
  ];
  const closed = [
    ...hidden,
    // A folder on the way that its user may not pass would keep it from its own.
    ...wanted.flatMap(({ folder }) => firstClosedFolder(path.dirname(folder), user) ?? []),
  ];
  const outermost = [...new Set(closed)].filter((one) => !closed.some((other) => isBelow(one, other)));
  const ways = new Set<string>();
  for (const { folder } of wanted) {
    const root = outermost.find((one) => isBelow(folder, one));
    if (root === undefined) continue;
    for (let at = path.dirname(folder); at !== root; at = path.dirname(at)) ways.add(at);
  }
  return [
    bwrap,
    ...["--dev-bind", "/", "/"],
    ...outermost.flatMap((folder) => ["--perms", "0755", "--tmpfs", folder]),
    ...[...ways].sort().flatMap((folder) => ["--perms", "0755", "--dir", folder]),
    ...wanted
      .filter(({ folder }) => outermost.some((one) => isBelow(folder, one)))
      .filter(({ folder }) => lstatSync(folder, { throwIfNoEntry: false })?.isDirectory() === true)
      .flatMap(({ folder, how }) => [how, folder, folder]),
    "--die-with-parent",
    ...["--chdir", cwd, "--"],
    setpriv,
    `--reuid=${user.uid}`,
    `--regid=${user.gid}`,
    "--clear-groups",
    "--no-new-privs",
    "--inh-caps=-all",
    "--bounding-set=-all",
    "--",
  ];
}

/** What setpriv says of a program that is not there; it is no failure of the program. */
export function isNotStarted(exitCode: number | null, tail: readonly string[]): boolean {
  return (exitCode === 127 || exitCode === 126) && /^setpriv: failed to execute /.test(tail.at(-1) ?? "");
}

function isBelow(folder: string, other: string): boolean {
  return folder !== other && folder.startsWith(other === path.sep ? other : other + path.sep);
}
