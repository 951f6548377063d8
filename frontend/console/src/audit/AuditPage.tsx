import { Group, Stack, TextInput, Title } from "@mantine/core";
import { useDebouncedValue } from "@mantine/hooks";
import { useState } from "react";
import { usePageTitle } from "../components/page-title.ts";
import { AuditTable } from "./AuditTable.tsx";

const TYPING_MS = 300;

/** The audit log of the whole server. */
export function AuditPage() {
  usePageTitle("Audit");
  const [typed, setTyped] = useState("");
  const [action] = useDebouncedValue(typed.trim(), TYPING_MS);
  return (
    <Stack gap="lg">
      <Group justify="space-between" align="end">
        <Title order={1} size="h2">
          Audit
        </Title>
        <TextInput
          label="Action"
          placeholder="deployment.requested"
          value={typed}
          maxLength={100}
          onChange={(event) => setTyped(event.currentTarget.value)}
        />
      </Group>
      <AuditTable filter={action === "" ? {} : { action }} />
    </Stack>
  );
}
