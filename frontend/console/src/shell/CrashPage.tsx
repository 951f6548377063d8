import { Button, Stack, Title } from "@mantine/core";
import { ProblemAlert } from "../components/ProblemAlert.tsx";

/** For a page that failed to draw. */
export function CrashPage({ error }: { error: unknown }) {
  return (
    <main className="page">
      <Stack gap="md" align="start">
        <Title order={1} size="h2">
          This page failed
        </Title>
        <ProblemAlert error={error} />
        <Button onClick={() => window.location.reload()}>Load it again</Button>
      </Stack>
    </main>
  );
}
