/** Aborted by the first Ctrl-C or SIGTERM; a bench then ends what it has started and leaves with 130. */
export function stopSignal(): AbortSignal {
  const stopping = new AbortController();
  const stop = (): void => stopping.abort(new Error("The bench was stopped."));
  process.once("SIGINT", stop).once("SIGTERM", stop);
  return stopping.signal;
}
