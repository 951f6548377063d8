import { afterEach } from "vitest";
import type { TestWorker } from "./worker.ts";

/** Workers that a test file adds here end after the test that started them; one that a test ends itself is taken out by it. */
export function stoppedAfterEach(): Set<TestWorker> {
  const workers = new Set<TestWorker>();
  afterEach(async () => {
    for (const worker of workers) await worker.stop();
    workers.clear();
  });
  return workers;
}
