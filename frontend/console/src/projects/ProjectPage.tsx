import { Button, Stack as Column, Text, Title } from "@mantine/core";
import { formatDuration } from "@slipway/automation/client";
import type { Environments, StepFigure } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useClient } from "../api.ts";
import type { Column as TableColumn } from "../components/DataTable.tsx";
import { DataTable } from "../components/DataTable.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { usePageTitle } from "../components/page-title.ts";
import { Status } from "../components/Status.tsx";
import { DeliveriesTable } from "../deliveries/DeliveriesPage.tsx";
import type { ProjectPath } from "../promotions/queries.ts";
import { promotionQueries } from "../promotions/queries.ts";
import { BudgetDialog } from "./BudgetDialog.tsx";
import { EnvironmentsDialog } from "./EnvironmentsDialog.tsx";

const DAYS = 30;

/** One project: the order of its stacks, how its steps went, and its deliveries. */
export function ProjectPage({ project }: { project: ProjectPath }) {
  usePageTitle(project.project);
  const client = useClient();
  const order = useQuery(promotionQueries.environments(client, project));
  const figures = useQuery(promotionQueries.figures(client, project, DAYS));
  const [budgeted, setBudgeted] = useState<StepFigure | null>(null);
  const error = order.error ?? figures.error;
  return (
    <Column gap="lg">
      <Column gap={4}>
        <Text size="sm">
          <Link to="/">Stacks</Link>
          {project.organisation === "default" ? "" : ` / ${project.organisation}`}
        </Text>
        <Title order={1} size="h2">
          {project.project}
        </Title>
      </Column>
      {error !== null && <ProblemAlert error={error} />}
      <Title order={2} size="h3">
        Environments
      </Title>
      {order.data === undefined ? (
        order.isPending && <Loading what="the order of the stacks" />
      ) : (
        <DataTable
          caption="What is good on one stack may be promoted to the next"
          keyOf={({ stack }) => stack}
          columns={environmentColumns(project)}
          rows={order.data.stacks}
          empty="The stacks have no order: any may be promoted to any other."
        />
      )}
      {order.data !== undefined && <EnvironmentsDialog project={project} order={order.data} />}
      <Title order={2} size="h3">
        Figures
      </Title>
      {figures.data === undefined ? (
        figures.isPending && <Loading what="figures" />
      ) : (
        <DataTable
          caption={`Steps of the last ${DAYS} days, as a whole and by service`}
          keyOf={({ step, service }) => `${step}/${service ?? ""}`}
          columns={[...FIGURES, budgetColumn(setBudgeted)]}
          rows={figures.data.steps}
          empty="Nothing was built or deployed yet."
        />
      )}
      <BudgetDialog project={project} figure={budgeted} onClose={() => setBudgeted(null)} />
      <Title order={2} size="h3">
        Deliveries
      </Title>
      <DeliveriesTable project={project} />
    </Column>
  );
}

function budgetColumn(choose: (figure: StepFigure) => void): TableColumn<StepFigure> {
  return {
    label: "Next",
    cell: (figure) => (
      <Button size="compact-sm" variant="default" onClick={() => choose(figure)}>
        Budget…
      </Button>
    ),
  };
}

type Environment = Environments["stacks"][number];

function environmentColumns(project: ProjectPath): TableColumn<Environment>[] {
  return [
    {
      label: "Stack",
      wide: true,
      cell: ({ stack, removed }) =>
        removed ? (
          `${stack} (removed)`
        ) : (
          <Link
            to="/stacks/$organisation/$project/$stack"
            params={{ ...project, stack }}
            search={{ tab: "releases" }}
          >
            {stack}
          </Link>
        ),
    },
    { label: "Takes", cell: ({ onlyPromoted }) => (onlyPromoted ? "promotions only" : "anything") },
    { label: "Release", cell: ({ release }) => release?.number ?? "–" },
    {
      label: "Health",
      cell: ({ release }) =>
        release === null ? "–" : <Status value={release.quarantined ? "quarantined" : release.health} />,
    },
  ];
}

const span = (ms: number | null): string => (ms === null ? "–" : formatDuration(ms));

const FIGURES: TableColumn<StepFigure>[] = [
  {
    label: "Step",
    wide: true,
    cell: ({ step, service }) => (service === null ? step : `${step} of ${service}`),
  },
  { label: "Runs", cell: ({ runs }) => runs },
  {
    label: "Succeeded",
    cell: ({ successRate }) => (successRate === null ? "–" : `${(successRate * 100).toFixed(1)} %`),
  },
  { label: "p50", cell: ({ p50Ms }) => span(p50Ms) },
  { label: "p95", cell: ({ p95Ms }) => span(p95Ms) },
  { label: "Last", cell: ({ lastMs }) => span(lastMs) },
  {
    label: "Budget",
    cell: ({ budget }) =>
      budget === null ? "–" : `${formatDuration(budget.mostSeconds * 1_000)}${budget.fails ? ", fails" : ""}`,
  },
  {
    label: "Beyond it",
    cell: ({ budget }) =>
      budget === null ? "–" : `${budget.exceeded} ${budget.exceeded === 1 ? "run" : "runs"}`,
  },
];
