import { Alert, Button, Stack as Column, Group, Text, Title } from "@mantine/core";
import { firstFailure } from "@slipway/automation/client";
import type { Deployment } from "@slipway/automation/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { useClient } from "../api.ts";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { usePageTitle } from "../components/page-title.ts";
import { Remedy } from "../components/Remedy.tsx";
import { Status } from "../components/Status.tsx";
import { PreviewSection } from "../previews/PreviewSection.tsx";
import { isTerminal, queries } from "../queries.ts";
import { Account } from "./Account.tsx";
import { Decision } from "./Decision.tsx";
import { Diagnostics } from "./Diagnostics.tsx";
import { Gates } from "./Gates.tsx";
import { Ladder } from "./Ladder.tsx";
import { Log } from "./Log.tsx";
import { Policies } from "./Policies.tsx";
import { Resources } from "./Resources.tsx";
import { Steps } from "./Steps.tsx";
import { stepsOf } from "./steps.ts";
import { useProgress } from "./use-progress.ts";

/**
 * One deployment. On top what a person under stress needs: what, why, who, risk, state and the one thing to do; then what changes, gates, policies and steps; diagnostics and log last.
 */
export function DeploymentPage({ id }: { id: string }) {
  const client = useClient();
  const cache = useQueryClient();
  const options = queries.deployment(client, id);
  const read = useQuery(options);
  usePageTitle(read.data === undefined ? null : titleOf(read.data));
  const { progress, error } = useProgress(id);
  useEffect(() => {
    // The row holds what events do not: release, failure, the rollback that follows.
    if (progress.status !== null) void cache.invalidateQueries({ queryKey: ["deployment", id] });
  }, [cache, id, progress.status]);
  const attempt = read.data?.attempts ?? 0;
  const status = read.data?.status;
  const preview = useQuery({ ...queries.preview(client, id, attempt, status), enabled: attempt > 0 });
  const approval = useQuery(queries.approval(client, id));

  if (read.data === undefined)
    return read.error === null ? <Loading what="the deployment" /> : <ProblemAlert error={read.error} />;
  const deployment = read.data;
  const isOver = isTerminal(deployment);
  const gates = progress.gates.length > 0 ? progress.gates : deployment.gates;
  return (
    <Column gap="lg">
      <Head deployment={deployment} />
      {read.error !== null && <ProblemAlert error={read.error} />}
      <Failure deployment={deployment} line={firstFailure(progress)} />
      <Decision
        deployment={deployment}
        approval={approval.data ?? null}
        planned={preview.data?.counts ?? null}
      />
      {approval.error !== null && <ProblemAlert error={approval.error} />}
      {error !== null && !isOver && <ProblemAlert error={error} />}
      {progress.missing > 0 && (
        <Alert variant="default" title={`${progress.missing} events of this deployment are missing`} />
      )}
      {preview.data != null && <PreviewSection preview={preview.data} />}
      {preview.error !== null && <ProblemAlert error={preview.error} />}
      {gates.length > 0 && <Gates deploymentId={deployment.id} gates={gates} />}
      <Policies id={deployment.id} status={deployment.status} />
      <Ladder rungs={progress.ladder} />
      <Account id={deployment.id} resources={deployment.resources} />
      {/* Of one that has ended the row knows more: no step of it runs any more, whatever its events last said. */}
      <Steps steps={stepsOf(deployment.steps, isOver ? [] : progress.steps)} />
      {/* What is only planned is told by the preview, with more. */}
      {(preview.data == null || progress.resources.some(({ state }) => state !== "planned")) && (
        <Resources progress={progress} ended={isOver} failed={isOver && deployment.status !== "succeeded"} />
      )}
      <Diagnostics diagnostics={progress.diagnostics} />
      <Log lines={progress.log} ended={isOver} />
    </Column>
  );
}

/** What and how it is first: the end of a tab's name is cut off. */
function titleOf({ operation, number, status, project, stack }: Deployment): string {
  return `${operation} #${number} ${status.replaceAll("_", " ")}: ${project}/${stack}`;
}

function Head({ deployment }: { deployment: Deployment }) {
  const { organisation, project, stack } = deployment;
  return (
    <Group justify="space-between" align="start">
      <Column gap={4} className="grow">
        <Text size="sm">
          <Link to="/">Stacks</Link> / {organisation === "default" ? "" : `${organisation} / `}
          <Link
            to="/stacks/$organisation/$project/$stack"
            params={{ organisation, project, stack }}
            search={{ tab: "history" }}
          >
            {project}/{stack}
          </Link>
        </Text>
        <Title order={1} size="h2" className="inline">
          {deployment.operation} #{deployment.number} <Status value={deployment.status} />
        </Title>
      </Column>
      {!isTerminal(deployment) && <Cancel deployment={deployment} />}
    </Group>
  );
}

function Cancel({ deployment: { id, cancellation } }: { deployment: Deployment }) {
  const client = useClient();
  const cache = useQueryClient();
  const cancel = useMutation({
    mutationFn: () => client.cancelDeployment({ params: { id } }),
    onSuccess: (deployment) => {
      cache.setQueryData(["deployment", id], deployment);
    },
  });
  const isAsked = cancellation !== null || cancel.isSuccess;
  return (
    <Column gap="xs" align="end" maw={360}>
      <Button variant="default" loading={cancel.isPending} disabled={isAsked} onClick={() => cancel.mutate()}>
        {isAsked ? "Cancelling" : "Cancel"}
      </Button>
      {cancellation !== null && (
        <Text size="sm" role="status">
          {cancellation.detail}
        </Text>
      )}
      {cancel.error !== null && <ProblemAlert error={cancel.error} />}
    </Column>
  );
}

function Failure({ deployment, line }: { deployment: Deployment; line: string | null }) {
  const detail = deployment.failure?.detail ?? line;
  if (deployment.status === "succeeded" || detail === null) return null;
  return (
    <Alert role="alert" color="red" variant="default" className="alert-red" title={detail}>
      {deployment.failure?.remedy != null && <Remedy text={deployment.failure.remedy} />}
      {deployment.rolledBackBy !== null && (
        <Text size="sm">
          {isTerminal(deployment)
            ? "Slipway rolled back automatically: "
            : "Slipway is rolling back automatically: "}
          <Link to="/deployments/$id" params={{ id: deployment.rolledBackBy }}>
            the rollback
          </Link>
          .
        </Text>
      )}
    </Alert>
  );
}
