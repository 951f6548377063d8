import { type DeploymentProgress, foldEvents, NO_PROGRESS } from "@slipway/automation/client";
import type { DeploymentEvent } from "@slipway/automation/contract";
import { useEffect, useReducer, useState } from "react";
import { useClient } from "../api.ts";

/** Events that arrive within this time are drawn at once. */
const BATCH_MS = 50;

/** The progress of a deployment, live until it ends, and what ended the stream when that was not the end of the events. */
export function useProgress(id: string): { progress: DeploymentProgress; error: unknown } {
  const client = useClient();
  const [progress, fold] = useReducer(foldEvents, NO_PROGRESS);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    const stopping = new AbortController();
    let waiting: DeploymentEvent[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      clearTimeout(timer);
      timer = undefined;
      if (stopping.signal.aborted || waiting.length === 0) return;
      fold(waiting);
      waiting = [];
    };
    const follow = async () => {
      for await (const event of client.followEvents(id, { signal: stopping.signal })) {
        waiting.push(event);
        timer ??= setTimeout(flush, BATCH_MS);
      }
      flush();
    };
    follow().catch((thrown: unknown) => {
      flush();
      if (!stopping.signal.aborted) setError(thrown);
    });
    return () => {
      stopping.abort();
      clearTimeout(timer);
    };
  }, [client, id]);
  return { progress, error };
}
