import { writeFileSync } from "node:fs";
import { Socket } from "node:net";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { runCommand } from "./engine/command.ts";
import { runPulumi } from "./engine/pulumi.ts";
import { type RunnerMessage, RunnerRequest } from "./engine/runner-protocol.ts";
import type { Supervision } from "./engine/supervision.ts";

/*
 * The runner: inside the containment, carries out one request after another.
 * argv[2]: the attempt's private folder. argv[3]: the containment's cgroup, where that is what contains it. fd 0: requests. fd 1: messages. fd 3: the guardian; see guardian.ts.
 */
const attemptDir = process.argv[2] ?? process.cwd();
const cgroup = process.argv[3];
const guardian = new Socket({ fd: 3 });
/** Requests are counted from 1, here and by the worker. */
let request = 0;
let interruptedRequest = 0;
let runningChild: number | undefined;

/** Messages of one turn of the event loop: one write to the pipe, and one wake-up of the worker, for all of them. */
let unsent = "";

function send(message: RunnerMessage): void {
  if (unsent === "") setImmediate(flush);
  unsent += `${JSON.stringify(message)}\n`;
}

function flush(): void {
  const text = unsent;
  unsent = "";
  // A pipe is written synchronously: nothing is lost when the process ends right after.
  if (text !== "") process.stdout.write(text);
}

const supervision: Supervision = {
  attemptDir,
  extraEnvironment:
    process.env.SLIPWAY_CONTAINMENT === undefined
      ? {}
      : { SLIPWAY_CONTAINMENT: process.env.SLIPWAY_CONTAINMENT },
  childStarted(pid, kind) {
    runningChild = pid;
    guardian.write(`child ${pid} ${kind} ${request}\n`);
  },
  childEnded() {
    runningChild = undefined;
    guardian.write("child-ended\n");
  },
  isInterrupted: () => interruptedRequest === request,
  send,
};

function end(code: number): void {
  flush();
  // Where the kernel does not end a containment by itself, this is what can still be done.
  if (cgroup !== undefined) writeFileSync(join(cgroup, "cgroup.kill"), "1");
  if (runningChild !== undefined) {
    try {
      process.kill(-runningChild, "SIGKILL");
    } catch {
      // It has ended already.
    }
  }
  process.exit(code);
}

guardian.on("error", () => end(1));
guardian.on("close", () => end(1));
const orders = createInterface({ input: guardian });
orders.on("error", () => end(1));
orders.on("line", (line) => {
  const [word, value] = line.split(" ");
  if (word === "interrupting") interruptedRequest = Number(value);
});

process.stdout.on("error", () => end(1));

async function serve(): Promise<void> {
  guardian.write("hello\n");
  send({ type: "ready" });
  for await (const line of createInterface({ input: process.stdin })) {
    request += 1;
    const asked = RunnerRequest.parse(JSON.parse(line));
    const outcome =
      asked.type === "command" ? await runCommand(asked, supervision) : await runPulumi(asked, supervision);
    send({ type: "finished", id: asked.id, outcome });
  }
}

serve().then(
  () => end(0),
  (error: unknown) => {
    process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    end(1);
  },
);
