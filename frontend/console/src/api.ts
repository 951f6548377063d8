import { type Client, createClient } from "@slipway/automation/client";
import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import { explain, isUnauthenticated } from "./problems.ts";
import { tokenRefused } from "./session.ts";

/** Times a read is tried again when the server does not answer. */
const READ_RETRIES = 2;
const FRESH_MS = 2_000;
/** A read without an answer for so long counts as failed: a lost connection may never say so. */
const ANSWER_MS = 30_000;
/** A read that failed for want of an answer is asked for again this often, also where nothing else reads it again. */
const AGAIN_MS = 5_000;

/** A client of the server that the page came from. */
export function clientFor(token: string): Client {
  return createClient({ baseUrl: "", token, fetch: fetchInTime });
}

/** Reads end after `ANSWER_MS`. Changes never do: whether one that was given up was made could not be told. Nor do streams. */
const fetchInTime: typeof fetch = (input, init) => {
  const isRead = init?.method === "GET" && !isStream(init.headers);
  if (!isRead) return fetch(input, init);
  const late = AbortSignal.timeout(ANSWER_MS);
  const signal = init.signal == null ? late : AbortSignal.any([init.signal, late]);
  return fetch(input, { ...init, signal });
};

function isStream(headers: HeadersInit | undefined): boolean {
  return new Headers(headers).get("accept") === "text/event-stream";
}

const ClientContext = createContext<Client | null>(null);
export const ClientProvider = ClientContext.Provider;

/** The signed-in caller's client. Only below ClientProvider. */
export function useClient(): Client {
  const client = useContext(ClientContext);
  if (client === null) throw new Error("useClient outside of a session");
  return client;
}

/** Caches reads of one session; a 401 anywhere leads to the sign-in page. */
export function createQueryClient(): QueryClient {
  const onError = (error: unknown) => {
    if (isUnauthenticated(error)) tokenRefused();
  };
  return new QueryClient({
    queryCache: new QueryCache({ onError }),
    mutationCache: new MutationCache({ onError }),
    defaultOptions: {
      queries: {
        staleTime: FRESH_MS,
        retry: (failures, error) => isPassing(error) && failures < READ_RETRIES,
        refetchInterval: ({ state: { error } }) => (isPassing(error) ? AGAIN_MS : false),
        // By default nothing is even asked while the browser thinks that it is offline, and nothing is said: a server on this machine answers all the same.
        networkMode: "always",
      },
      mutations: { networkMode: "always" },
    },
  });
}

/** Whether the server may answer later: it is away, starting or overloaded. */
function isPassing(error: unknown): boolean {
  const { code } = explain(error);
  return code === "server_unreachable" || code === "not_ready";
}
