import {
  type Client,
  type DeploymentProgress,
  type FollowOptions,
  foldEvents,
  foldUpdateEvents,
  NO_PROGRESS,
} from "@slipway/automation/client";
import { useEffect, useReducer, useRef, useState } from "react";
import { useClient } from "../api.ts";
import { useIsShown } from "../components/shown.ts";

/** Events that arrive within this time are drawn at once. */
const BATCH_MS = 50;

/** What `useProgress` says of a run: its progress, and what ended the stream when that was not the end of the events. */
export interface LiveProgress {
  readonly progress: DeploymentProgress;
  readonly error: unknown;
}

/** The progress of a deployment, live until it ends while its tab is looked at. */
export function useProgress(id: string): LiveProgress {
  return useFolded(id, followDeployment, foldEvents);
}

/** The progress of an update, live until it ends while its tab is looked at. */
export function useUpdateProgress(id: string): LiveProgress {
  return useFolded(id, followUpdate, foldUpdateEvents);
}

function followDeployment(client: Client, id: string, options: FollowOptions) {
  return client.followEvents(id, options);
}
function followUpdate(client: Client, id: string, options: FollowOptions) {
  return client.followUpdate(id, options);
}

/** `follow` and `fold` must be the same functions at every call. Reads on where it was when the tab is looked at again. */
function useFolded<Event extends { readonly sequence: number }>(
  id: string,
  follow: (client: Client, id: string, options: FollowOptions) => AsyncIterable<Event>,
  fold: (progress: DeploymentProgress, events: readonly Event[]) => DeploymentProgress,
): LiveProgress {
  const client = useClient();
  const isShown = useIsShown();
  const [progress, add] = useReducer(fold, NO_PROGRESS);
  const [error, setError] = useState<unknown>(null);
  const last = useRef(0);
  useEffect(() => {
    // A browser opens six connections to a server, each page that follows takes one: six of them in the background would leave none for what somebody looks at.
    if (!isShown) return;
    setError(null);
    const stopping = new AbortController();
    let waiting: Event[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    const flush = () => {
      clearTimeout(timer);
      timer = undefined;
      if (stopping.signal.aborted || waiting.length === 0) return;
      add(waiting);
      last.current = waiting.at(-1)?.sequence ?? last.current;
      waiting = [];
    };
    const read = async () => {
      for await (const event of follow(client, id, { after: last.current, signal: stopping.signal })) {
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
  }, [client, id, follow, isShown]);
  return { progress, error };
}
