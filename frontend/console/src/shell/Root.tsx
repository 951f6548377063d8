import { QueryClientProvider } from "@tanstack/react-query";
import { Outlet } from "@tanstack/react-router";
import { useMemo } from "react";
import { ClientProvider, clientFor, createQueryClient } from "../api.ts";
import { useSession } from "../session.ts";
import { Frame } from "./Frame.tsx";
import { SignInPage } from "./SignInPage.tsx";

/** The sign-in page, or the frame around the page of the address with the signed-in caller's client. */
export function Root() {
  const { token, refused } = useSession();
  // One cache a token: nothing that one caller read is shown to the next.
  const tools = useMemo(
    () => (token === null ? null : { client: clientFor(token), queries: createQueryClient() }),
    [token],
  );
  if (tools === null) return <SignInPage refused={refused} />;
  return (
    <QueryClientProvider client={tools.queries}>
      <ClientProvider value={tools.client}>
        <Frame>
          <Outlet />
        </Frame>
      </ClientProvider>
    </QueryClientProvider>
  );
}
