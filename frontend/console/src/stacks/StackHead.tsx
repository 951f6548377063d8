import {
  ActionIcon,
  Anchor,
  Badge,
  Button,
  Stack as Column,
  Group,
  Menu,
  Paper,
  Text,
  Title,
} from "@mantine/core";
import { formatResourceCount } from "@slipway/automation/client";
import { type Stack, type StackPath, TERMINAL_STATUSES } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { Source } from "../components/Source.tsx";
import { Status } from "../components/Status.tsx";
import { DriftLine } from "../drift/DriftPanel.tsx";
import { queries } from "../queries.ts";
import { DestroyDialog } from "./DestroyDialog.tsx";
import { addressesIn } from "./outputs.ts";
import { type Request, RequestDialog } from "./RequestDialog.tsx";
import { RollbackDialog } from "./RollbackDialog.tsx";
import { CurrentWriter } from "./Writer.tsx";

type Dialog = Request | "rollback" | "destroy";

/** Who deployed what and why, and the actions; the first thing on the page of a stack. */
export function StackHead({ path, stack }: { path: StackPath; stack: Stack }) {
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const close = () => setDialog(null);
  const request = dialog === "rollback" || dialog === "destroy" ? null : dialog;
  return (
    <Column gap="md">
      <Group justify="space-between" align="start">
        <Column gap={4}>
          <Text size="sm">
            <Link to="/">Stacks</Link> / {path.organisation === "default" ? "" : `${path.organisation} / `}
            <Link
              to="/projects/$organisation/$project"
              params={{ organisation: path.organisation, project: path.project }}
            >
              {path.project}
            </Link>
          </Text>
          <Title order={1} size="h2">
            {path.stack}
          </Title>
          <Tags tags={stack.tags} />
        </Column>
        <Group gap="sm">
          <Button onClick={() => setDialog("update")}>Deploy</Button>
          <Button
            variant="default"
            disabled={stack.currentRelease === null}
            onClick={() => setDialog("rollback")}
          >
            Roll back
          </Button>
          <Button variant="default" onClick={() => setDialog("preview")}>
            Preview
          </Button>
          <Menu position="bottom-end" withInitialFocusPlaceholder={false}>
            <Menu.Target>
              <ActionIcon variant="default" size={36} aria-label="More actions">
                ⋯
              </ActionIcon>
            </Menu.Target>
            <Menu.Dropdown>
              <Menu.Item onClick={() => setDialog("refresh")}>Refresh…</Menu.Item>
              <Menu.Item onClick={() => setDialog("detect-drift")}>Check for drift…</Menu.Item>
              <Menu.Item
                disabled={stack.currentRelease === null}
                onClick={() => setDialog("remediate-drift")}
              >
                Undo drift…
              </Menu.Item>
              <Menu.Divider />
              <Menu.Item className="danger-item" onClick={() => setDialog("destroy")}>
                Destroy…
              </Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </Group>
      </Group>
      <CurrentWriter stack={path} />
      <Active stack={stack} />
      <DriftLine stack={path} />
      <CurrentRelease path={path} stack={stack} />
      <RequestDialog stack={path} request={request} onClose={close} />
      <RollbackDialog
        stack={path}
        currentRelease={stack.currentRelease}
        isBusy={stack.lastDeployment?.status === "running"}
        failedRollback={stack.failedRollback}
        opened={dialog === "rollback"}
        onClose={close}
      />
      <DestroyDialog
        stack={path}
        resourceCount={stack.resourceCount}
        opened={dialog === "destroy"}
        onClose={close}
      />
    </Column>
  );
}

function Tags({ tags }: { tags: Stack["tags"] }) {
  const all = Object.entries(tags);
  if (all.length === 0) return null;
  return (
    <Group gap="xs">
      {all.map(([key, value]) => (
        <Badge key={key} variant="default" radius="sm" tt="none">
          {key}={value}
        </Badge>
      ))}
    </Group>
  );
}

/** A stack that only the Pulumi CLI has changed: releases need a source that the server knows. */
function WithoutRelease({ stack, update }: { stack: Stack; update: NonNullable<Stack["lastUpdate"]> }) {
  return (
    <Column gap="xs">
      <span className="inline">
        <Text span fw={600}>
          No release
        </Text>
        {stack.resourceCount !== null && <span>{formatResourceCount(stack.resourceCount)}</span>}
      </span>
      <Text size="sm" className="inline">
        Last run:
        <Link to="/updates/$id" params={{ id: update.id }}>
          pulumi {update.kind}
          {update.number !== null && ` v${update.number}`}
        </Link>
        <Status value={update.status} />
        <Age at={update.requestedAt} />
      </Text>
      <Text size="sm" c="dimmed">
        The first deployment that completes becomes release 1.
      </Text>
    </Column>
  );
}

/** Says so when the Pulumi CLI has changed the stack after its newest release: what runs is then not what the release says. */
function ChangedSince({ update, since }: { update: Stack["lastUpdate"]; since: string }) {
  if (update === null || Date.parse(update.requestedAt) <= Date.parse(since)) return null;
  return (
    <Text size="sm" className="inline">
      Changed since, without a release:{" "}
      <Link to="/updates/$id" params={{ id: update.id }}>
        pulumi {update.kind}
        {update.number !== null && ` v${update.number}`}
      </Link>
      <Status value={update.status} />
      <Age at={update.requestedAt} />
    </Text>
  );
}

function Active({ stack }: { stack: Stack }) {
  const last = stack.lastDeployment;
  if (last === null || TERMINAL_STATUSES.some((status) => status === last.status)) return null;
  return (
    <Paper withBorder p="sm" role="status">
      <span className="inline">
        <Status value={last.status} />
        <Link to="/deployments/$id" params={{ id: last.id }}>
          Watch the {last.operation}
        </Link>
        <Age at={last.requestedAt} />
      </span>
    </Paper>
  );
}

function CurrentRelease({ path, stack }: { path: StackPath; stack: Stack }) {
  const client = useClient();
  const number = stack.currentRelease;
  const release = useQuery({ ...queries.release(client, path, number ?? 0), enabled: number !== null });
  const outputs = useQuery({ ...queries.outputs(client, path), enabled: number !== null });
  if (number === null)
    return (
      <Paper withBorder p="md">
        {stack.lastUpdate === null ? (
          <Text>Nothing has been deployed yet. The first deployment that completes becomes release 1.</Text>
        ) : (
          <WithoutRelease stack={stack} update={stack.lastUpdate} />
        )}
      </Paper>
    );
  const addresses = addressesIn(outputs.data?.outputs ?? {});
  return (
    <Paper withBorder p="md">
      <Column gap="xs">
        <span className="inline">
          <Text span fw={600}>
            Release {number}
          </Text>
          {release.data !== undefined && <Status value={release.data.health} />}
          {release.data?.quarantined === true && <Status value="quarantined" />}
          {stack.resourceCount !== null && <span>{formatResourceCount(stack.resourceCount)}</span>}
        </span>
        {release.data !== undefined && (
          <>
            <Text fs={release.data.message === null ? "italic" : undefined}>
              {release.data.message ??
                (release.data.rollbackOf === null
                  ? "No reason was given."
                  : `Rollback to release ${release.data.rollbackOf}.`)}
            </Text>
            <Text size="sm" c="dimmed">
              by {release.data.requestedBy}, <Age at={release.data.createdAt} />, source{" "}
              <Source release={release.data} />,{" "}
              <Link to="/deployments/$id" params={{ id: release.data.deploymentId }}>
                deployment
              </Link>
            </Text>
          </>
        )}
        {release.data === undefined && release.error !== null && <ProblemAlert error={release.error} />}
        {release.data !== undefined && (
          <ChangedSince update={stack.lastUpdate} since={release.data.createdAt} />
        )}
        {addresses.length > 0 && (
          <Group gap="md">
            {addresses.map(([name, url]) => (
              <Anchor key={name} href={url} target="_blank" rel="noreferrer" underline="always">
                {name}: {url}
              </Anchor>
            ))}
          </Group>
        )}
      </Column>
    </Paper>
  );
}
