import { Code, Stack as Column, Group, Paper, Text } from "@mantine/core";
import { formatAge, formatDuration } from "@slipway/automation/client";
import type { StackPath, StackWriter } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { CancelRun } from "../components/CancelRun.tsx";
import { exactTime } from "../components/instants.ts";
import { useNow } from "../components/now.ts";
import { queries } from "../queries.ts";

const TICK_MS = 1_000;

/** Who holds a stack, read again and again; nothing while nobody does. */
export function CurrentWriter({ stack }: { stack: StackPath }) {
  const read = useQuery(queries.writer(useClient(), stack));
  const writer = read.data?.writer ?? null;
  if (writer === null) return null;
  return <Writer writer={writer} stack={stack} withCancel />;
}

/** Who holds a stack, since when and until when, and what frees it. */
export function Writer({
  writer,
  stack,
  withCancel = false,
}: {
  writer: StackWriter;
  stack: StackPath;
  withCancel?: boolean;
}) {
  const { holder } = writer;
  return (
    <Paper withBorder p="md" role="status" aria-label="Who holds the stack">
      <Group justify="space-between" align="start">
        <Column gap={4} className="grow">
          <Text className="inline">
            <strong>Held by</strong> <Holder holder={holder} />
            <span>
              of {writer.principal}
              {writer.host !== null && ` ${holder.kind === "attempt" ? "on" : "from"} ${writer.host}`}, taken{" "}
              <Age at={writer.since} />
            </span>
          </Text>
          <Text size="sm">
            <Until writer={writer} />{" "}
            {writer.lastEntryAt === null ? (
              "Its journal has no entry yet."
            ) : (
              <>
                Last journal entry <Age at={writer.lastEntryAt} />.
              </>
            )}
          </Text>
          <Text size="sm" c="dimmed">
            Freed by <Code className="breakable">{writer.release}</Code>
          </Text>
        </Column>
        {withCancel && <HolderCancel holder={holder} name={`the run on ${stack.project}/${stack.stack}`} />}
      </Group>
    </Paper>
  );
}

function HolderCancel({ holder, name }: { holder: StackWriter["holder"]; name: string }) {
  const client = useClient();
  const isUpdate = holder.kind === "update";
  const update = useQuery({ ...queries.update(client, isUpdate ? holder.updateId : ""), enabled: isUpdate });
  if (isUpdate)
    return (
      <CancelRun
        kind="update"
        id={holder.updateId}
        name={name}
        cancelling={update.data?.cancelling === true}
      />
    );
  return <CancelRun kind="deployment" id={holder.deploymentId} name={name} cancelling={false} />;
}

function Holder({ holder }: { holder: StackWriter["holder"] }) {
  if (holder.kind === "attempt")
    return (
      <Link to="/deployments/$id" params={{ id: holder.deploymentId }}>
        deployment #{holder.number}
      </Link>
    );
  return (
    <Link to="/updates/$id" params={{ id: holder.updateId }}>
      {holder.number === null ? "a run of the Pulumi CLI" : `update v${holder.number} of the Pulumi CLI`}
    </Link>
  );
}

/** `expired` is the database's word; the seconds left are told by this machine's clock and may be off by its error. */
function Until({ writer }: { writer: StackWriter }) {
  const now = useNow(TICK_MS);
  const { expiresAt, expired } = writer;
  const at = exactTime(expiresAt);
  if (expired)
    return (
      <span className="failure-line">
        Its time ran out at {at}, {formatAge(expiresAt, now)}: Slipway frees the stack by itself.
      </span>
    );
  return (
    <>
      Until <time dateTime={expiresAt}>{at}</time>, in {formatDuration(Date.parse(expiresAt) - now)}, unless
      it is renewed.
    </>
  );
}
