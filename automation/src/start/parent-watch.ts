import { isMainThread } from "node:worker_threads";

/** Threads and forks inherit the arguments of Node, and must not take what is their own standard input for ours. */
function forgetOurselves(): void {
  const at = process.execArgv.indexOf(import.meta.url);
  if (at > 0) process.execArgv.splice(at - 1, 2);
}

/**
 * Loaded before the entry of each process that `npm start` supervises (`node --import`). Its standard input is a pipe from the
 * supervisor, which ends when that dies, however it dies. Then this process is asked to stop as if by its supervisor, and
 * ends at the latest after `stop-within-ms`, a parameter of the URL
 * it is loaded by: nothing of a killed start lives on and holds the port.
 */
function watch(): void {
  const withinMs = Number(new URL(import.meta.url).searchParams.get("stop-within-ms"));
  let ending = false;
  const end = () => {
    if (ending) return;
    ending = true;
    process.kill(process.pid, "SIGTERM");
    setTimeout(() => process.kill(process.pid, "SIGKILL"), withinMs).unref();
  };
  process.stdin.once("end", end);
  process.stdin.once("error", end);
  process.stdin.resume();
  // Waiting for the parent is no reason to stay.
  if ("unref" in process.stdin) process.stdin.unref();
}

if (isMainThread) {
  forgetOurselves();
  watch();
}
