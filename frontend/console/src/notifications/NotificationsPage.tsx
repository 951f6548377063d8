import { Stack as Column, Group, NativeSelect, Title } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useClient } from "../api.ts";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { usePageTitle } from "../components/page-title.ts";
import { Deliveries } from "./Deliveries.tsx";
import { Destinations } from "./Destinations.tsx";
import { notificationQueries } from "./queries.ts";

/** Who is told of what, and whether it arrives. */
export function NotificationsPage({ organisation }: { organisation: string | undefined }) {
  usePageTitle("Notifications");
  const navigate = useNavigate();
  const read = useQuery(notificationQueries.organisations(useClient()));
  if (read.data === undefined)
    return read.error === null ? <Loading what="organisations" /> : <ProblemAlert error={read.error} />;
  const names = read.data.items.map(({ name }) => name);
  const shown = organisation ?? names[0];
  return (
    <Column gap="lg">
      <Group justify="space-between" align="end">
        <Title order={1} size="h2">
          Notifications
        </Title>
        {names.length > 1 && (
          <NativeSelect
            label="Organisation"
            data={names}
            value={shown}
            onChange={(event) => {
              const next = event.currentTarget.value;
              void navigate({ to: "/notifications", search: { organisation: next } });
            }}
          />
        )}
      </Group>
      {shown !== undefined && (
        <Column gap="xl" key={shown}>
          <section aria-labelledby="destinations">
            <Title order={2} size="h4" id="destinations" mb="xs">
              Where they go
            </Title>
            <Destinations organisation={shown} />
          </section>
          <section aria-labelledby="messages">
            <Title order={2} size="h4" id="messages" mb="xs">
              What was sent
            </Title>
            <Deliveries organisation={shown} />
          </section>
        </Column>
      )}
    </Column>
  );
}
