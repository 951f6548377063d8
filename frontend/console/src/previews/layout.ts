import type { GraphEdge } from "@slipway/automation/client";
import ELK from "elkjs/lib/elk-api.js";
import workerUrl from "elkjs/lib/elk-worker.min.js?url";

export const BOX = { width: 230, height: 58 } as const;

export interface Place {
  readonly x: number;
  readonly y: number;
}

const OPTIONS = {
  "elk.algorithm": "layered",
  "elk.direction": "RIGHT",
  "elk.layered.spacing.nodeNodeBetweenLayers": "90",
  "elk.spacing.nodeNode": "22",
  "elk.layered.considerModelOrder.strategy": "NODES_AND_EDGES",
};

/** Places boxes in layers, what is needed to the left of what needs it. Works outside of the page's own thread; throws when `signal` is aborted. */
export async function placeBoxes(
  urns: readonly string[],
  edges: readonly GraphEdge[],
  signal: AbortSignal,
): Promise<ReadonlyMap<string, Place>> {
  const elk = new ELK({ workerUrl });
  const stop = () => elk.terminateWorker();
  signal.addEventListener("abort", stop, { once: true });
  try {
    const stopped = new Promise<never>((_, reject) => {
      signal.addEventListener("abort", () => reject(new Error("The picture is not needed any more.")), {
        once: true,
      });
    });
    const laid = elk.layout({
      id: "preview",
      layoutOptions: OPTIONS,
      children: urns.map((id) => ({ id, ...BOX })),
      edges: edges.map(({ from, to }, index) => ({ id: String(index), sources: [from], targets: [to] })),
    });
    const { children = [] } = await Promise.race([laid, stopped]);
    return new Map(children.map(({ id, x = 0, y = 0 }) => [id, { x, y }]));
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}
