import { Button, Code, Group, Paper, Stack, Text, Title } from "@mantine/core";
import { USUAL_TOKEN_DAYS } from "@slipway/automation/contract";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useClient } from "../api.ts";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { usePageTitle } from "../components/page-title.ts";
import { type CliLogin, callbackUrl, readCliLogin, tokenName } from "./cli-login.ts";

/** Where `pulumi login` sends a browser: asks the signed-in person, then hands a token of theirs to the CLI. Nothing happens without the click. */
export function CliLoginPage() {
  usePageTitle("Log in on the command line");
  const [login] = useState(() => readCliLogin(window.location.search, window.location.port));
  return login === null ? <NoLogin /> : <Confirm login={login} />;
}

function Confirm({ login }: { login: CliLogin }) {
  const client = useClient();
  const who = useQuery({ queryKey: ["whoami"], queryFn: () => client.whoami() });
  const [isRefused, setRefused] = useState(false);
  const allow = useMutation({
    mutationFn: () =>
      client.createToken({ body: { name: tokenName(login), expiresInDays: USUAL_TOKEN_DAYS } }),
    // The address with the token stays out of the history.
    onSuccess: ({ value }) => window.location.replace(callbackUrl(login, value)),
  });
  if (isRefused) {
    return (
      <Stack gap="xs">
        <Title order={1} size="h2">
          Nothing was given away
        </Title>
        <Text>You can close this page and end the waiting command with Ctrl-C.</Text>
      </Stack>
    );
  }
  return (
    <Paper withBorder p="xl" maw={560}>
      <Stack gap="md">
        <Title order={1} size="h2">
          Log in on the command line?
        </Title>
        <Text>
          <Code>{login.command} login</Code>
          {login.machine === null ? " on this machine" : " on "}
          {login.machine !== null && <strong>{login.machine}</strong>} asks for a token. With it, that machine
          can do all that {who.data === undefined ? "you" : <strong>{who.data.name}</strong>} can do here, for{" "}
          {USUAL_TOKEN_DAYS} days or until it is revoked.
        </Text>
        <Text c="dimmed" size="sm">
          Allow it only if you have just run this command yourself. The name of the machine is what the
          command says of it.
        </Text>
        {allow.error !== null && <ProblemAlert error={allow.error} />}
        <Group>
          <Button onClick={() => allow.mutate()} loading={allow.isPending || allow.isSuccess}>
            Allow
          </Button>
          <Button
            variant="default"
            onClick={() => setRefused(true)}
            disabled={allow.isPending || allow.isSuccess}
          >
            Do not allow
          </Button>
        </Group>
      </Stack>
    </Paper>
  );
}

function NoLogin() {
  return (
    <Stack gap="xs">
      <Title order={1} size="h2">
        This address belongs to pulumi login
      </Title>
      <Text>
        Run <Code>pulumi login</Code>, which opens it by itself with what it needs. Where no browser can reach
        the command, make a token with <Code>slipway tokens create</Code> and give it as PULUMI_ACCESS_TOKEN.
      </Text>
    </Stack>
  );
}
