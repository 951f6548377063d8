import { Button, Group, Modal, Select, Stack, TextInput } from "@mantine/core";
import { StackName } from "@slipway/automation/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { type FormEvent, useState } from "react";
import { useClient } from "../api.ts";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { issueFor } from "../problems.ts";
import { queries } from "../queries.ts";

/** Creates a stack of a registered project and opens its page. */
export function CreateStackDialog({ opened, onClose }: { opened: boolean; onClose: () => void }) {
  return (
    <Modal
      opened={opened}
      onClose={onClose}
      title="Create a stack"
      closeButtonProps={{ "aria-label": "Close" }}
    >
      <CreateStackForm onDone={onClose} />
    </Modal>
  );
}

function CreateStackForm({ onDone }: { onDone: () => void }) {
  const client = useClient();
  const cache = useQueryClient();
  const navigate = useNavigate();
  const projects = useQuery(queries.projects(client));
  const choices = (projects.data?.items ?? []).map((one) => ({
    value: `${one.organisation}/${one.name}`,
    label: one.organisation === "default" ? one.name : `${one.organisation}/${one.name}`,
  }));
  const [chosen, setChosen] = useState<string | null>(null);
  const [name, setName] = useState("");
  const project = chosen ?? choices[0]?.value ?? null;
  const parsed = StackName.safeParse(name);
  const wrongName = name === "" || parsed.success ? null : (parsed.error.issues[0]?.message ?? null);

  const create = useMutation({
    mutationFn: (given: { organisation: string; project: string; name: string }) =>
      client.createStack({ body: given }),
    onSuccess: async (stack) => {
      await cache.invalidateQueries({ queryKey: ["stacks"] });
      onDone();
      await navigate({
        to: "/stacks/$organisation/$project/$stack",
        params: { organisation: stack.organisation, project: stack.project, stack: stack.name },
        search: { tab: "history" },
      });
    },
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    const [organisation, projectName] = project?.split("/") ?? [];
    if (organisation === undefined || projectName === undefined) return;
    create.mutate({ organisation, project: projectName, name });
  }

  return (
    <form onSubmit={submit}>
      <Stack gap="md">
        {projects.error !== null && <ProblemAlert error={projects.error} />}
        <Select
          label="Project"
          data={choices}
          value={project}
          onChange={setChosen}
          allowDeselect={false}
          error={issueFor(create.error, "project")}
          description={
            projects.isSuccess && choices.length === 0
              ? "No project is registered. Run: npx slipway projects create"
              : undefined
          }
        />
        <TextInput
          label="Name"
          placeholder="local"
          data-autofocus
          value={name}
          onChange={(event) => setName(event.currentTarget.value)}
          error={wrongName ?? issueFor(create.error, "name")}
        />
        {create.error !== null && <ProblemAlert error={create.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onDone}>
            Close
          </Button>
          <Button type="submit" loading={create.isPending} disabled={!parsed.success || project === null}>
            Create
          </Button>
        </Group>
      </Stack>
    </form>
  );
}
