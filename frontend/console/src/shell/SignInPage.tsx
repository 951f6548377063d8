import { Alert, Button, Checkbox, Code, Paper, PasswordInput, Stack, Text, Title } from "@mantine/core";
import { type FormEvent, useState } from "react";
import { clientFor } from "../api.ts";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { usePageTitle } from "../components/page-title.ts";
import { isUnauthenticated } from "../problems.ts";
import { signIn } from "../session.ts";
import { Wordmark } from "./Wordmark.tsx";

/** Asks for a token and checks it with the server before it is kept. */
export function SignInPage({ refused }: { refused: boolean }) {
  usePageTitle("Sign in");
  const [token, setToken] = useState("");
  const [remember, setRemember] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent) {
    event.preventDefault();
    const given = token.trim();
    setBusy(true);
    setError(null);
    try {
      await clientFor(given).whoami();
      signIn(given, remember);
    } catch (thrown) {
      setError(thrown);
      setBusy(false);
    }
  }

  const isWrong = isUnauthenticated(error);
  return (
    <main className="sign-in">
      <Paper withBorder shadow="sm" p="xl" w="100%" maw={420}>
        <form
          onSubmit={(event) => {
            void submit(event);
          }}
        >
          <Stack gap="md">
            <Wordmark />
            <Title order={1} size="h3">
              Sign in
            </Title>
            {refused && error === null && (
              <Alert color="yellow" variant="default" title="The server did not accept the token">
                Sign in again.
              </Alert>
            )}
            <PasswordInput
              label="Token"
              description="The owner's token is in the file owner-token of the data folder."
              autoComplete="current-password"
              required
              withAsterisk={false}
              data-autofocus
              value={token}
              onChange={(event) => setToken(event.currentTarget.value)}
              error={isWrong ? "The server does not know this token." : undefined}
            />
            <Checkbox
              label="Keep me signed in on this browser"
              checked={remember}
              onChange={(event) => setRemember(event.currentTarget.checked)}
            />
            {error !== null && !isWrong && <ProblemAlert error={error} />}
            <Button type="submit" loading={busy} disabled={token.trim() === ""}>
              Sign in
            </Button>
            <Text size="sm" c="dimmed">
              <Code>npm start</Code> prints an address that signs you in without typing.
            </Text>
          </Stack>
        </form>
      </Paper>
    </main>
  );
}
