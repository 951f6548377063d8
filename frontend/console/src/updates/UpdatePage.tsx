import { Alert, Stack as Column, Group, Text, Title } from "@mantine/core";
import { describeClient, endProgress, firstFailure, formatResourceCount } from "@slipway/automation/client";
import type { StackPath, Update } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { Link, Navigate } from "@tanstack/react-router";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { CancelRun } from "../components/CancelRun.tsx";
import { Elapsed } from "../components/Elapsed.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { usePageTitle } from "../components/page-title.ts";
import { Status } from "../components/Status.tsx";
import { Diagnostics } from "../deployments/Diagnostics.tsx";
import { Resources } from "../deployments/Resources.tsx";
import { useUpdateProgress } from "../deployments/use-progress.ts";
import { hasEnded, queries } from "../queries.ts";
import { Writer } from "../stacks/Writer.tsx";
import { Claimed } from "./Claimed.tsx";
import { changesOfUpdate, updateName } from "./names.ts";

/** One run of the Pulumi CLI: how it ended, who holds the stack while it runs, its resources as they happen, what the client says of itself. */
export function UpdatePage({ id }: { id: string }) {
  const read = useQuery(queries.update(useClient(), id));
  usePageTitle(
    read.data === undefined
      ? null
      : `${updateName(read.data)} ${read.data.status}: ${read.data.project}/${read.data.stack}`,
  );
  if (read.data === undefined)
    return read.error === null ? <Loading what="the update" /> : <ProblemAlert error={read.error} />;
  const update = read.data;
  // An update of a deployment is told there: the deployment's events are the record.
  if (update.deploymentId !== null)
    return <Navigate to="/deployments/$id" params={{ id: update.deploymentId }} replace />;
  return (
    <Column gap="lg">
      <Head update={update} />
      {read.error !== null && <ProblemAlert error={read.error} />}
      <Happening update={update} />
      <Claimed update={update} />
    </Column>
  );
}

function Happening({ update }: { update: Update }) {
  const { progress, error } = useUpdateProgress(update.id);
  const ended = hasEnded(update);
  const shown = ended ? endProgress(progress) : progress;
  const line = update.failure ?? (update.status === "failed" ? firstFailure(progress) : null);
  return (
    <>
      {line !== null && (
        <Alert role="alert" color="red" variant="default" className="alert-red" title={line} />
      )}
      {error !== null && !ended && <ProblemAlert error={error} />}
      {progress.missing > 0 && (
        <Alert
          variant="default"
          title={
            progress.missing === 1
              ? "1 event of this run was lost"
              : `${progress.missing} events of this run were lost`
          }
        >
          <Text size="sm">
            The Pulumi CLI does not send an event again that gets lost on its way. The state has all that
            happened.
          </Text>
        </Alert>
      )}
      {shown.resources.length === 0 && shown.diagnostics.length === 0 && (
        <Text c="dimmed" role="status">
          {ended
            ? "The Pulumi CLI told nothing of this run."
            : "Waiting for what the Pulumi CLI tells of this run."}
        </Text>
      )}
      <Resources
        progress={shown}
        ended={ended}
        failed={ended && update.status !== "succeeded"}
        wholeSeconds
      />
      <Diagnostics diagnostics={shown.diagnostics} />
    </>
  );
}

function Head({ update }: { update: Update }) {
  const { organisation, project, stack } = update;
  const path: StackPath = { organisation, project, stack };
  const client = useClient();
  const ended = hasEnded(update);
  // A preview holds nothing.
  const holds = !ended && !update.dryRun;
  const writer = useQuery({ ...queries.writer(client, path), enabled: holds });
  const held = writer.data?.writer ?? null;
  const isMine = held?.holder.kind === "update" && held.holder.updateId === update.id;
  return (
    <Column gap="md">
      <Group justify="space-between" align="start">
        <Column gap={4} className="grow">
          <Text size="sm">
            <Link to="/">Stacks</Link> / {organisation === "default" ? "" : `${organisation} / `}
            <Link to="/stacks/$organisation/$project/$stack" params={path} search={{ tab: "history" }}>
              {project}/{stack}
            </Link>
          </Text>
          <Title order={1} size="h2" className="inline">
            {updateName(update)} <Status value={update.cancelling ? "cancelling" : update.status} />
          </Title>
          <Text size="sm" c="dimmed">
            by {update.principal}, <Age at={update.requestedAt} />
            {update.startedAt !== null && (
              <>
                , {ended ? "took" : "running for"} <Elapsed from={update.startedAt} to={update.finishedAt} />
              </>
            )}
            {update.client !== null && `, ${describeClient(update.client)}`}
            {update.address !== null && ` from ${update.address}`}
          </Text>
          {ended && <Outcome update={update} path={path} />}
        </Column>
        {holds && (
          <CancelRun kind="update" id={update.id} name={updateName(update)} cancelling={update.cancelling} />
        )}
      </Group>
      {holds && isMine && <Writer writer={held} stack={path} />}
    </Column>
  );
}

function Outcome({ update, path }: { update: Update; path: StackPath }) {
  const changes = changesOfUpdate(update);
  return (
    <Text size="sm" role="status">
      {changes !== "–" && `${changes}. `}
      {update.state !== null && (
        <>
          {"It left "}
          <Link to="/stacks/$organisation/$project/$stack" params={path} search={{ tab: "states" }}>
            state {update.state}
          </Link>
          {update.resourceCount !== null && ` with ${formatResourceCount(update.resourceCount)}`}.
        </>
      )}
      {update.status === "expired" && " Its Pulumi CLI was not heard of any more."}
    </Text>
  );
}
