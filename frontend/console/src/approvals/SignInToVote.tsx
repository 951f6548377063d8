import { Button, Group, PasswordInput } from "@mantine/core";
import { useMutation } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { clientFor } from "../api.ts";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { keepSignIn, useSession } from "../session.ts";

/** Asks a person who was signed in too long ago, or not at all, for their token again; nothing for whoever has just signed in. */
export function SignInToVote() {
  const { signedInUntil } = useSession();
  const [token, setToken] = useState("");
  const signIn = useMutation({
    mutationFn: () => clientFor(token.trim()).signIn(),
    onSuccess: keepSignIn,
  });
  if (signedInUntil !== null) return null;
  const submit = (event: FormEvent) => {
    event.preventDefault();
    signIn.mutate();
  };
  return (
    <form onSubmit={submit}>
      <Group align="end" gap="sm">
        <PasswordInput
          label="Your token, to sign in for voting"
          autoComplete="current-password"
          w="20rem"
          maw="100%"
          value={token}
          onChange={(event) => setToken(event.currentTarget.value)}
        />
        <Button type="submit" variant="default" loading={signIn.isPending} disabled={token.trim() === ""}>
          Sign in to vote
        </Button>
      </Group>
      {signIn.error !== null && <ProblemAlert error={signIn.error} />}
    </form>
  );
}
