import { Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { usePageTitle } from "../components/page-title.ts";

/** Where the CLI sends the browser once it has its token. */
export function WelcomePage() {
  usePageTitle("Logged in on the command line");
  return (
    <Stack gap="xs">
      <Title order={1} size="h2">
        You are logged in on the command line
      </Title>
      <Text>You can close this page.</Text>
      <Text>
        <Link to="/">All stacks</Link>
      </Text>
    </Stack>
  );
}
