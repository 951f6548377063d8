/** The open market data streams of this process, so that a stop can end them. */
export type StreamRegistry = {
  /** Opens a stream: its signal aborts at `endAll`. Undefined when the limit is reached. Close with `release`. */
  acquire(): AbortController | undefined;
  release(controller: AbortController): void;
  endAll(): void;
  count(): number;
};

export function createStreamRegistry(limit: number): StreamRegistry {
  const open = new Set<AbortController>();
  return {
    acquire() {
      if (open.size >= limit) return undefined;
      const controller = new AbortController();
      open.add(controller);
      return controller;
    },
    release(controller) {
      open.delete(controller);
      controller.abort();
    },
    endAll() {
      for (const controller of open) controller.abort();
      open.clear();
    },
    count: () => open.size,
  };
}
