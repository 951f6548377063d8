import { Button, Checkbox, Stack as Column, Group, Modal, MultiSelect } from "@mantine/core";
import type { Environments } from "@slipway/automation/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useClient } from "../api.ts";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import type { ProjectPath } from "../promotions/queries.ts";
import { promotionQueries } from "../promotions/queries.ts";

interface Props {
  readonly project: ProjectPath;
  /** The order in force. */
  readonly order: Environments;
}

/** A button, and a dialog that sets the order of a project's stacks. */
export function EnvironmentsDialog(props: Props) {
  const [opened, setOpened] = useState(false);
  const close = () => setOpened(false);
  return (
    <>
      <Group>
        <Button variant="default" onClick={() => setOpened(true)}>
          Set the order…
        </Button>
      </Group>
      <Modal
        opened={opened}
        onClose={close}
        title={`Order of the stacks of ${props.project.project}`}
        closeButtonProps={{ "aria-label": "Close" }}
      >
        {opened && <EnvironmentsForm {...props} onClose={close} />}
      </Modal>
    </>
  );
}

function EnvironmentsForm({ project, order, onClose }: Props & { onClose: () => void }) {
  const client = useClient();
  const cache = useQueryClient();
  const stacks = useQuery(promotionQueries.stacks(client, project));
  const [names, setNames] = useState(
    order.stacks.filter(({ removed }) => !removed).map(({ stack }) => stack),
  );
  const [strict, setStrict] = useState(
    order.stacks.filter(({ onlyPromoted }) => onlyPromoted).map(({ stack }) => stack),
  );
  const save = useMutation({
    mutationFn: () => {
      const body = {
        stacks: names.map((stack, index) => ({ stack, onlyPromoted: index > 0 && strict.includes(stack) })),
      };
      return client.setEnvironments({
        params: { organisation: project.organisation, project: project.project },
        body,
      });
    },
    onSuccess: async (set) => {
      cache.setQueryData(promotionQueries.environments(client, project).queryKey, set);
      onClose();
    },
  });
  if (stacks.data === undefined)
    return stacks.error === null ? <Loading what="the stacks" /> : <ProblemAlert error={stacks.error} />;
  function submit(event: FormEvent) {
    event.preventDefault();
    save.mutate();
  }
  const [, ...later] = names;
  return (
    <form onSubmit={submit}>
      <Column gap="md">
        <MultiSelect
          label="Stacks, first to last"
          description="What is good on one may be promoted to the next. Choose them in their order."
          searchable
          data={stacks.data.items.map(({ name }) => name)}
          value={names}
          onChange={setNames}
        />
        {later.map((name) => (
          <Checkbox
            key={name}
            label={`${name} takes nothing but promotions`}
            checked={strict.includes(name)}
            onChange={(event) =>
              setStrict(
                event.currentTarget.checked ? [...strict, name] : strict.filter((one) => one !== name),
              )
            }
          />
        ))}
        {save.error !== null && <ProblemAlert error={save.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
          <Button type="submit" loading={save.isPending}>
            Set the order
          </Button>
        </Group>
      </Column>
    </form>
  );
}
