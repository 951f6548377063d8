import {
  ActionIcon,
  Button,
  Code,
  Stack as Column,
  Group,
  Paper,
  Switch,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { ConfigKey, type ConfigValue, type StackPath } from "@slipway/automation/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { DataTable } from "../components/DataTable.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { issueFor } from "../problems.ts";
import { queries } from "../queries.ts";

/** The config that the server holds for a stack. Secrets can be written, never read. */
export function ConfigPanel({ stack }: { stack: StackPath }) {
  const client = useClient();
  const cache = useQueryClient();
  const options = queries.config(client, stack);
  const read = useQuery(options);
  const remove = useMutation({
    mutationFn: (key: string) => client.removeConfig({ params: { ...stack, key } }),
    onSettled: () => cache.invalidateQueries({ queryKey: options.queryKey }),
  });
  if (read.data === undefined)
    return read.error === null ? <Loading what="config" /> : <ProblemAlert error={read.error} />;
  return (
    <Column gap="lg">
      {remove.error !== null && <ProblemAlert error={remove.error} />}
      <DataTable<ConfigValue>
        caption="Config on the server; it overlays what Pulumi.<stack>.yaml holds"
        rows={read.data.items}
        keyOf={(one) => one.key}
        columns={[
          { label: "Key", cell: (one) => <Code>{one.key}</Code> },
          {
            label: "Value",
            wide: true,
            cell: (one) =>
              one.secret ? (
                <Text c="dimmed" span>
                  secret, never shown
                </Text>
              ) : (
                <Code className="value">{one.value}</Code>
              ),
          },
          { label: "Set by", cell: (one) => one.updatedBy },
          { label: "When", cell: (one) => <Age at={one.updatedAt} /> },
          {
            label: "Remove",
            cell: (one) => (
              <ActionIcon
                variant="default"
                aria-label={`Remove ${one.key}`}
                loading={remove.isPending && remove.variables === one.key}
                onClick={() => remove.mutate(one.key)}
              >
                ✕
              </ActionIcon>
            ),
          },
        ]}
        empty="No config on the server; what Pulumi.<stack>.yaml holds still counts."
      />
      <SetConfigForm
        stack={stack}
        onSet={async () => {
          await cache.invalidateQueries({ queryKey: options.queryKey });
        }}
      />
    </Column>
  );
}

function SetConfigForm({ stack, onSet }: { stack: StackPath; onSet: () => Promise<void> }) {
  const client = useClient();
  const [key, setKey] = useState("");
  const [value, setValue] = useState("");
  const [secret, setSecret] = useState(false);
  const isKey = ConfigKey.safeParse(key).success;
  const set = useMutation({
    mutationFn: () => client.setConfig({ params: { ...stack, key }, body: { value, secret } }),
    onSuccess: async () => {
      setKey("");
      setValue("");
      setSecret(false);
      await onSet();
    },
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    set.mutate();
  }
  return (
    <Paper withBorder p="md" component="form" onSubmit={submit}>
      <Column gap="md">
        <Title order={2} size="h4">
          Set a value
        </Title>
        <Group align="start" grow preventGrowOverflow={false}>
          <TextInput
            label="Key"
            placeholder="project:name"
            autoComplete="off"
            value={key}
            onChange={(event) => setKey(event.currentTarget.value)}
            error={
              key !== "" && !isKey
                ? "namespace:name, each of letters, digits, '.', '_' and '-'"
                : issueFor(set.error, "key")
            }
          />
          <TextInput
            label="Value"
            type={secret ? "password" : "text"}
            autoComplete="off"
            value={value}
            onChange={(event) => setValue(event.currentTarget.value)}
            error={issueFor(set.error, "value")}
          />
        </Group>
        <Switch
          label="Secret: stored encrypted, never shown again"
          checked={secret}
          onChange={(event) => setSecret(event.currentTarget.checked)}
        />
        {set.error !== null && <ProblemAlert error={set.error} />}
        <Group>
          <Button type="submit" variant="default" disabled={!isKey} loading={set.isPending}>
            Set
          </Button>
          <Text size="sm" c="dimmed">
            The next deployment uses it.
          </Text>
        </Group>
      </Column>
    </Paper>
  );
}
