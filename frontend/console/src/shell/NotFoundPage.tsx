import { Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";
import { usePageTitle } from "../components/page-title.ts";

/** For an address that no page has. */
export function NotFoundPage() {
  usePageTitle("No such page");
  return (
    <Stack gap="xs">
      <Title order={1} size="h2">
        There is no page at this address
      </Title>
      <Text>
        <Link to="/">All stacks</Link>
      </Text>
    </Stack>
  );
}
