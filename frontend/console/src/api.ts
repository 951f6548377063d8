import { type Client, createClient } from "@slipway/automation/client";
import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { createContext, useContext } from "react";
import { isUnauthenticated } from "./problems.ts";
import { tokenRefused } from "./session.ts";

/** Times a read is tried again when the server does not answer. */
const READ_RETRIES = 2;
const FRESH_MS = 2_000;

/** A client of the server that the page came from. */
export function clientFor(token: string): Client {
  return createClient({ baseUrl: "", token });
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
        retry: (failures, error) => isUnreachable(error) && failures < READ_RETRIES,
      },
    },
  });
}

function isUnreachable(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "server_unreachable";
}
