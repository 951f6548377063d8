const stopping = new AbortController();

/** Aborted by the first Ctrl-C or SIGTERM; a bench that asks for it then ends what it has started, and throws. */
export function stopSignal(): AbortSignal {
  const stop = (): void => stopping.abort(new Error("The bench was stopped."));
  // Not `once`: a library that sees no other listener left would end the process before it has cleaned up.
  process.on("SIGINT", stop).on("SIGTERM", stop);
  return stopping.signal;
}

/** Whether what a bench has thrown is only that it was stopped. */
export function wasStopped(): boolean {
  return stopping.signal.aborted;
}
