import { Stack, Text, Title } from "@mantine/core";
import { Link } from "@tanstack/react-router";

/** For an address that no page has. */
export function NotFoundPage() {
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
