import { Button, Checkbox, Stack as Column, Group, Modal, NumberInput, Text } from "@mantine/core";
import type { StepFigure } from "@slipway/automation/contract";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type FormEvent, useState } from "react";
import { useClient } from "../api.ts";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import type { ProjectPath } from "../promotions/queries.ts";

interface Props {
  readonly project: ProjectPath;
  /** The step whose budget is set; null: closed. */
  readonly figure: StepFigure | null;
  readonly onClose: () => void;
}

/** A budget must not fail what has changed something: that would roll back a release for being slow. */
const MAY_FAIL: readonly StepFigure["step"][] = ["build", "test", "gates-before"];

/** Lets a person say how long a step may take. */
export function BudgetDialog({ figure, onClose, project }: Props) {
  const name =
    figure === null ? "" : figure.service === null ? figure.step : `${figure.step} of ${figure.service}`;
  return (
    <Modal
      opened={figure !== null}
      onClose={onClose}
      title={`Budget of ${name}`}
      closeButtonProps={{ "aria-label": "Close" }}
    >
      {figure !== null && <BudgetForm project={project} figure={figure} onClose={onClose} />}
    </Modal>
  );
}

function BudgetForm({ project, figure, onClose }: Props & { figure: StepFigure }) {
  const { step, service, budget } = figure;
  const [seconds, setSeconds] = useState<number | string>(budget?.mostSeconds ?? "");
  const [fails, setFails] = useState(budget?.fails ?? false);
  const client = useClient();
  const cache = useQueryClient();
  const params = { organisation: project.organisation, project: project.project };
  const set = useMutation({
    mutationFn: async (mostSeconds: number | null) => {
      // They are set as a whole: those of the other steps stay as they are now.
      const { budgets } = await client.listBudgets({ params });
      const others = budgets.filter((one) => one.step !== step || one.service !== service);
      const own = mostSeconds === null ? [] : [{ step, service, mostSeconds, fails }];
      return client.setBudgets({ params, body: { budgets: [...others, ...own] } });
    },
    onSuccess: async () => {
      await cache.invalidateQueries({
        queryKey: ["project", project.organisation, project.project, "figures"],
      });
      onClose();
    },
  });
  function submit(event: FormEvent) {
    event.preventDefault();
    set.mutate(Number(seconds));
  }
  return (
    <form onSubmit={submit}>
      <Column gap="md">
        <NumberInput label="Most seconds" min={1} max={86_400} value={seconds} onChange={setSeconds} />
        {MAY_FAIL.includes(step) ? (
          <Checkbox
            label="The step fails beyond it"
            checked={fails}
            onChange={(event) => setFails(event.currentTarget.checked)}
          />
        ) : (
          <Text size="sm">
            Beyond it people are told; what has changed something never fails for being slow.
          </Text>
        )}
        {set.error !== null && <ProblemAlert error={set.error} />}
        <Group justify="flex-end">
          <Button variant="default" onClick={onClose}>
            Close
          </Button>
          {budget !== null && (
            <Button variant="default" loading={set.isPending} onClick={() => set.mutate(null)}>
              Take it away
            </Button>
          )}
          <Button type="submit" loading={set.isPending} disabled={!(Number(seconds) > 0)}>
            Set the budget
          </Button>
        </Group>
      </Column>
    </form>
  );
}
