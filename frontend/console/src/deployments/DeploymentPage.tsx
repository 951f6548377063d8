import { Alert, Button, Stack as Column, Group, Text, Title } from "@mantine/core";
import { firstFailure } from "@slipway/automation/client";
import type { Deployment } from "@slipway/automation/contract";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useEffect } from "react";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { Elapsed } from "../components/Elapsed.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { Status } from "../components/Status.tsx";
import { isTerminal, queries } from "../queries.ts";
import { WaitingFor } from "../queue/WaitingFor.tsx";
import { Account } from "./Account.tsx";
import { changesOf } from "./columns.tsx";
import { Diagnostics } from "./Diagnostics.tsx";
import { Gates } from "./Gates.tsx";
import { Ladder } from "./Ladder.tsx";
import { Log } from "./Log.tsx";
import { NextAction } from "./NextAction.tsx";
import { Resources } from "./Resources.tsx";
import { Steps } from "./Steps.tsx";
import { stepsOf } from "./steps.ts";
import { useProgress } from "./use-progress.ts";

/** One deployment: why it failed when it did, its steps, gates and resources as they happen, diagnostics and log last. */
export function DeploymentPage({ id }: { id: string }) {
  const client = useClient();
  const cache = useQueryClient();
  const options = queries.deployment(client, id);
  const read = useQuery(options);
  const { progress, error } = useProgress(id);
  useEffect(() => {
    // The row holds what events do not: release, failure, the rollback that follows.
    if (progress.status !== null) void cache.invalidateQueries({ queryKey: ["deployment", id] });
  }, [cache, id, progress.status]);

  if (read.data === undefined)
    return read.error === null ? <Loading what="the deployment" /> : <ProblemAlert error={read.error} />;
  const deployment = read.data;
  const gates = progress.gates.length > 0 ? progress.gates : deployment.gates;
  return (
    <Column gap="lg">
      <Head deployment={deployment} />
      {read.error !== null && <ProblemAlert error={read.error} />}
      <Failure deployment={deployment} line={firstFailure(progress)} />
      <NextAction deployment={deployment} />
      {error !== null && !isTerminal(deployment) && <ProblemAlert error={error} />}
      {progress.missing > 0 && (
        <Alert variant="default" title={`${progress.missing} events of this deployment are missing`} />
      )}
      <Ladder rungs={progress.ladder} />
      <Account id={deployment.id} resources={deployment.resources} />
      {/* Of one that has ended the row knows more: no step of it runs any more, whatever its events last said. */}
      <Steps steps={stepsOf(deployment.steps, isTerminal(deployment) ? [] : progress.steps)} />
      {gates.length > 0 && <Gates gates={gates} />}
      <Resources progress={progress} ended={isTerminal(deployment)} />
      <Diagnostics diagnostics={progress.diagnostics} />
      <Log lines={progress.log} ended={isTerminal(deployment)} />
    </Column>
  );
}

function Head({ deployment }: { deployment: Deployment }) {
  const { organisation, project, stack } = deployment;
  const reason =
    deployment.message ??
    (deployment.cause === "automatic-rollback" ? "Slipway rolls back after a failed deployment." : null);
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
        {reason !== null && <Text>{reason}</Text>}
        <Text size="sm" c="dimmed">
          by {deployment.requestedBy}, <Age at={deployment.requestedAt} />
          {deployment.startedAt !== null && (
            <>
              , {isTerminal(deployment) ? "took" : "running for"}{" "}
              <Elapsed from={deployment.startedAt} to={deployment.finishedAt} />
            </>
          )}
          {(deployment.queuePosition ?? 0) > 0 && `, ${deployment.queuePosition} before it in the queue`}
          {deployment.targetRelease !== null && `, back to release ${deployment.targetRelease}`}
          {deployment.attempts > 1 && `, attempt ${deployment.attempts}`}
        </Text>
        {deployment.waiting !== null && (
          <Text size="sm" role="status">
            <WaitingFor waiting={deployment.waiting} />
          </Text>
        )}
        {deployment.status === "succeeded" && (
          <Text size="sm" role="status">
            {changesOf(deployment)}
            {deployment.release !== null && (
              <>
                {". Recorded as "}
                <Link
                  to="/stacks/$organisation/$project/$stack"
                  params={{ organisation, project, stack }}
                  search={{ tab: "releases" }}
                >
                  release {deployment.release}
                </Link>
              </>
            )}
          </Text>
        )}
        {deployment.continues !== null && (
          <Text size="sm">
            Goes on with{" "}
            <Link to="/deployments/$id" params={{ id: deployment.continues }}>
              the deployment that did not end by itself
            </Link>
            {deployment.runsAfter !== null && (
              <>
                {", after "}
                <Link to="/deployments/$id" params={{ id: deployment.runsAfter }}>
                  its refresh
                </Link>
              </>
            )}
            .
          </Text>
        )}
        {deployment.causedBy !== null && (
          <Text size="sm">
            Undoes{" "}
            <Link to="/deployments/$id" params={{ id: deployment.causedBy }}>
              the failed deployment
            </Link>
            .
          </Text>
        )}
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
      {deployment.failure?.remedy != null && <Text size="sm">{deployment.failure.remedy}</Text>}
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
