import type { ChildProcess } from "node:child_process";

/** How long a program may take to end after it was asked to, before it is killed. The engine gives the host itself 5 s. */
const CHILD_GRACE_MILLISECONDS = 3_000;

/** How a program or plugin ended. `interrupted`: this host had asked it to end. */
export interface ChildEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly interrupted: boolean;
}

/** The processes that the host has started and that have not ended yet. */
export interface Children {
  /** Follows a process until it ends. Rejects when it could not be started. `signal` aborting interrupts it. */
  follow(child: ChildProcess, signal: AbortSignal): Promise<ChildEnd>;
  /** Marks every running process as interrupted, without signalling it: the engine has signalled the whole group. */
  markInterrupted(): void;
  /** Asks every running process to end with `first`, kills what is left after the grace, and resolves when none is left. */
  end(first: NodeJS.Signals): Promise<void>;
}

interface Followed {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
  interrupted: boolean;
}

/** Makes an empty set of children. */
export function createChildren(): Children {
  const running = new Set<Followed>();

  async function interrupt(followed: Followed, first: NodeJS.Signals): Promise<void> {
    if (!followed.interrupted || first !== "SIGINT") followed.child.kill(first);
    followed.interrupted = true;
    const timer = setTimeout(() => followed.child.kill("SIGKILL"), CHILD_GRACE_MILLISECONDS);
    await followed.ended;
    clearTimeout(timer);
  }

  return {
    async follow(child, signal) {
      const exited = new Promise<Omit<ChildEnd, "interrupted">>((resolve, reject) => {
        child.once("error", reject);
        // `close`, not `exit`: the last lines of a failing program are still in the pipe when it exits.
        child.once("close", (exitCode, ending) => resolve({ exitCode, signal: ending }));
      });
      const followed: Followed = {
        child,
        ended: exited.then(
          () => undefined,
          () => undefined,
        ),
        interrupted: false,
      };
      running.add(followed);
      const onAbort = () => void interrupt(followed, "SIGINT");
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort, { once: true });
      try {
        return { ...(await exited), interrupted: followed.interrupted };
      } finally {
        signal.removeEventListener("abort", onAbort);
        running.delete(followed);
      }
    },
    markInterrupted() {
      for (const followed of running) followed.interrupted = true;
    },
    async end(first) {
      await Promise.all([...running].map((followed) => interrupt(followed, first)));
    },
  };
}
