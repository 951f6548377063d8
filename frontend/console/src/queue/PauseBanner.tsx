import { Alert, Button, Stack as Column, Group, Text } from "@mantine/core";
import type { Pause } from "@slipway/automation/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { queries } from "../queries.ts";

/** What is paused, by whom and why, above every page. */
export function PauseBanner() {
  const pauses = useQuery(queries.pauses(useClient()));
  if (pauses.data === undefined || pauses.data.items.length === 0) return null;
  return (
    <Column gap="xs" mb="md">
      {pauses.data.items.map((pause) => (
        <OnePause key={nameOf(pause)} pause={pause} />
      ))}
    </Column>
  );
}

function OnePause({ pause }: { pause: Pause }) {
  const client = useClient();
  const cache = useQueryClient();
  const resume = useMutation({
    mutationFn: (): Promise<unknown> => {
      const { organisation, project, stack } = pause;
      if (organisation === null || project === null) return client.resumeEverything();
      return stack === null
        ? client.resumeProject({ params: { organisation, project } })
        : client.resumeStack({ params: { organisation, project, stack } });
    },
    onSuccess: () =>
      Promise.all([
        cache.invalidateQueries({ queryKey: ["pauses"] }),
        cache.invalidateQueries({ queryKey: ["queue"] }),
      ]),
  });
  return (
    <Alert color="yellow" role="status">
      <Group justify="space-between">
        <Text size="sm">
          <strong>{nameOf(pause)} is paused</strong> by {pause.pausedBy}, <Age at={pause.pausedAt} />:{" "}
          {pause.reason}
        </Text>
        {pause.mayResume && (
          <Button
            variant="default"
            size="compact-sm"
            loading={resume.isPending}
            onClick={() => resume.mutate()}
            aria-label={`Resume ${nameOf(pause)}`}
          >
            Resume
          </Button>
        )}
      </Group>
      {resume.error !== null && <ProblemAlert error={resume.error} />}
    </Alert>
  );
}

function nameOf({ scope, organisation, project, stack }: Pause): string {
  if (scope === "everything") return "Everything";
  return [organisation === "default" ? null : organisation, project, stack]
    .filter((part) => part !== null)
    .join("/");
}
