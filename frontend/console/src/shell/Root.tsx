import { QueryClientProvider } from "@tanstack/react-query";
import { Outlet } from "@tanstack/react-router";
import { useEffect, useMemo } from "react";
import { ClientProvider, clientFor, createQueryClient } from "../api.ts";
import { Loading } from "../components/Loading.tsx";
import { isUnauthenticated } from "../problems.ts";
import { keepSignIn, stayWithToken, tokenRefused, useSession } from "../session.ts";
import { Frame } from "./Frame.tsx";
import { SignInPage } from "./SignInPage.tsx";

/** The sign-in page, or the frame around the page of the address with the signed-in caller's client. */
export function Root() {
  const { token, refused, isNew } = useSession();
  useEffect(() => {
    if (token !== null && isNew) void exchange(token);
  }, [token, isNew]);
  // One cache a token: nothing that one caller read is shown to the next.
  const tools = useMemo(
    () => (token === null || isNew ? null : { client: clientFor(token), queries: createQueryClient() }),
    [token, isNew],
  );
  if (token === null) return <SignInPage refused={refused} />;
  if (tools === null)
    return (
      <main className="page">
        <Loading what="who you are" />
      </main>
    );
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

/** Giving the token is the act of signing in. Whatever keeps the server from it, all but votes works with the token too. */
async function exchange(token: string): Promise<void> {
  try {
    keepSignIn(await clientFor(token).signIn());
  } catch (thrown) {
    if (isUnauthenticated(thrown)) tokenRefused();
    else stayWithToken();
  }
}
