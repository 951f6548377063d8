const PARENT_CHECK_INTERVAL_MS = 1000;

/** Ends this process when the CLI that started it asks for that, or is gone: a CLI that is killed cannot end its plugins. */
export function endWithCli(): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.exit(1);
  }, PARENT_CHECK_INTERVAL_MS).unref();
  // Node writes its compile cache when it exits, not when a signal ends it: without this every start strips types and compiles anew.
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit());
}
