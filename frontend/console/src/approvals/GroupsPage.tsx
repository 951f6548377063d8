import {
  ActionIcon,
  Button,
  Stack as Column,
  Paper,
  Group as Row,
  Select,
  Text,
  TextInput,
  Title,
} from "@mantine/core";
import { type Group, GroupName, PersonName } from "@slipway/automation/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useClient } from "../api.ts";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { usePageTitle } from "../components/page-title.ts";
import { queries } from "../queries.ts";

/** The groups of an organisation and who is in each: rules of stacks ask for votes of them. */
export function GroupsPage() {
  usePageTitle("Groups");
  const organisations = useQuery(queries.organisations(useClient()));
  const [chosen, setChosen] = useState<string | null>(null);
  const names = organisations.data?.items.map(({ name }) => name) ?? [];
  const organisation = chosen ?? names[0];
  return (
    <Column gap="lg">
      <Title order={1} size="h2">
        Groups
      </Title>
      <Text>
        People who decide together. The rules of a stack say how many votes of which groups a change needs.
      </Text>
      {organisations.error !== null && <ProblemAlert error={organisations.error} />}
      {organisations.isPending && <Loading what="the organisations" />}
      {names.length > 1 && (
        <Select
          label="Organisation"
          data={names}
          value={organisation ?? null}
          onChange={setChosen}
          w="16rem"
        />
      )}
      {organisation !== undefined && <Groups key={organisation} organisation={organisation} />}
    </Column>
  );
}

function Groups({ organisation }: { organisation: string }) {
  const client = useClient();
  const options = queries.groups(client, organisation);
  const read = useQuery(options);
  const cache = useQueryClient();
  const change = useMutation({
    mutationFn: (ask: () => Promise<unknown>) => ask(),
    onSettled: () => cache.invalidateQueries({ queryKey: options.queryKey }),
  });
  if (read.data === undefined)
    return read.error === null ? <Loading what="the groups" /> : <ProblemAlert error={read.error} />;
  return (
    <Column gap="md">
      {change.error !== null && <ProblemAlert error={change.error} />}
      {read.data.items.length === 0 && <Text c="dimmed">There is no group yet.</Text>}
      {read.data.items.map((group) => (
        <OneGroup
          key={group.name}
          group={group}
          onAdd={(person) =>
            change.mutate(() => client.addToGroup({ params: { organisation, group: group.name, person } }))
          }
          onTakeOut={(person) =>
            change.mutate(() =>
              client.removeFromGroup({ params: { organisation, group: group.name, person } }),
            )
          }
          onRemove={() =>
            change.mutate(() => client.removeGroup({ params: { organisation, group: group.name } }))
          }
        />
      ))}
      <NameForm
        label="New group"
        action="Make the group"
        check={(name) => GroupName.safeParse(name).success}
        hint="1 to 63 lower-case letters, digits or '-'"
        onSubmit={(group) => change.mutate(() => client.createGroup({ params: { organisation, group } }))}
      />
    </Column>
  );
}

function OneGroup({
  group,
  onAdd,
  onTakeOut,
  onRemove,
}: {
  group: Group;
  onAdd: (person: string) => void;
  onTakeOut: (person: string) => void;
  onRemove: () => void;
}) {
  return (
    <Paper withBorder p="md" component="section" aria-label={`Group ${group.name}`}>
      <Row justify="space-between">
        <Title order={2} size="h4">
          {group.name}
        </Title>
        <Button variant="default" size="compact-sm" onClick={onRemove}>
          Remove the group
        </Button>
      </Row>
      <ul className="people">
        {group.members.map(({ name, principal, counts }) => (
          <li key={principal}>
            {name}
            {!counts && <span className="note"> (no member of the organisation: counts nowhere)</span>}
            <ActionIcon
              variant="subtle"
              color="gray"
              aria-label={`Take ${name} out of ${group.name}`}
              onClick={() => onTakeOut(name)}
            >
              ✕
            </ActionIcon>
          </li>
        ))}
        {group.members.length === 0 && (
          <li className="note">Nobody is in it: no rule that asks for it can be met.</li>
        )}
      </ul>
      <NameForm
        label={`Person to add to ${group.name}`}
        action="Add"
        check={(name) => PersonName.safeParse(name).success}
        hint="the name of a member of the organisation, or owner"
        onSubmit={onAdd}
      />
    </Paper>
  );
}

function NameForm({
  label,
  action,
  hint,
  check,
  onSubmit,
}: {
  label: string;
  action: string;
  hint: string;
  check: (name: string) => boolean;
  onSubmit: (name: string) => void;
}) {
  const [name, setName] = useState("");
  const given = name.trim();
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onSubmit(given);
    setName("");
  };
  return (
    <form onSubmit={submit}>
      <Row align="end" gap="sm">
        <TextInput
          label={label}
          value={name}
          error={given !== "" && !check(given) ? hint : undefined}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Button type="submit" variant="default" disabled={!check(given)}>
          {action}
        </Button>
      </Row>
    </form>
  );
}
