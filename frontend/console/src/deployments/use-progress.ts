import {
  type Client,
  type DeploymentProgress,
  foldEvents,
  foldUpdateEvents,
  NO_PROGRESS,
} from "@slipway/automation/client";
import { useEffect, useReducer, useState } from "react";
import { useClient } from "../api.ts";

/** Events that arrive within this time are drawn at once. */
const BATCH_MS = 50;

/** What `useProgress` says of a run: its progress, and what ended the stream when that was not the end of the events. */
export interface LiveProgress {
  readonly progress: DeploymentProgress;
  readonly error: unknown;
}

/** The progress of a deployment, live until it ends. */
export function useProgress(id: string): LiveProgress {
  return useFolded(id, followDeployment, foldEvents);
}

/** The progress of an update, live until it ends. */
export function useUpdateProgress(id: string): LiveProgress {
  return useFolded(id, followUpdate, foldUpdateEvents);
}

function followDeployment(client: Client, id: string, signal: AbortSignal) {
  return client.followEvents(id, { signal });
}
function followUpdate(client: Client, id: string, signal: AbortSignal) {
  return client.followUpdate(id, { signal });
}

/** `follow` and `fold` must be the same functions at every call. */
function useFolded<Event>(
  id: string,
  follow: (client: Client, id: string, signal: AbortSignal) => AsyncIterable<Event>,
  fold: (progress: DeploymentProgress, events: readonly Event[]) => DeploymentProgress,
): LiveProgress {
  const client = useClient();
  const [progress, add] = useReducer(fold, NO_PROGRESS);
  const [error, setError] = useState<unknown>(null);
  useEffect(() => {
    const stopping = new AbortController();
    let waiting: Event[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      clearTimeout(timer);
      timer = undefined;
      if (stopping.signal.aborted || waiting.length === 0) return;
      add(waiting);
      waiting = [];
    };
    const read = async () => {
      for await (const event of follow(client, id, stopping.signal)) {
        waiting.push(event);
        timer ??= setTimeout(flush, BATCH_MS);
      }
      flush();
    };
    read().catch((thrown: unknown) => {
      flush();
      if (!stopping.signal.aborted) setError(thrown);
    });
    return () => {
      stopping.abort();
      clearTimeout(timer);
    };
  }, [client, id, follow]);
  return { progress, error };
}
