import { Stack as Column, Text, Title } from "@mantine/core";
import type { DriftCheck, StackPath } from "@slipway/automation/contract";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { DataTable } from "../components/DataTable.tsx";
import { exactTime } from "../components/instants.ts";
import { Loading } from "../components/Loading.tsx";
import { PagedTable } from "../components/PagedTable.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { Status } from "../components/Status.tsx";
import { queries } from "../queries.ts";
import { ClosedAlerts, OpenAlerts } from "./Alerts.tsx";
import { Quiet } from "./Quiet.tsx";
import { RawDrift } from "./RawDrift.tsx";

const CLASSES = { gone: "gone", "input-changed": "changed", "output-only": "other outputs only" } as const;

/** The open alerts first, then what the newest check found resource by resource, what is quiet, and what was before. */
export function DriftPanel({ stack }: { stack: StackPath }) {
  const client = useClient();
  const read = useQuery(queries.drift(client, stack));
  const checks = useInfiniteQuery(queries.driftChecks(client, stack));
  if (read.data === undefined)
    return read.error === null ? <Loading what="the drift checks" /> : <ProblemAlert error={read.error} />;
  const { latest, lastKnown, overdue } = read.data;
  const known = latest?.status === "unknown" ? lastKnown : latest;
  return (
    <Column gap="lg">
      {overdue !== null && (
        <Text>
          <Status value="overdue" /> A check was asked for <Age at={overdue.since} />. {overdue.why}{" "}
          <Link to="/deployments/$id" params={{ id: overdue.deploymentId }}>
            deployment
          </Link>
        </Text>
      )}
      <OpenAlerts stack={stack} isChecked={latest !== null} />
      {latest?.status === "unknown" && (
        <Text>
          <Status value="unknown" /> {latest.cause}
        </Text>
      )}
      {known !== null && (
        <section aria-labelledby="differences">
          <Title order={2} size="h4" id="differences" mb="xs">
            What differs from state {known.state ?? "(none)"}
          </Title>
          <DataTable
            caption="Resources that differ"
            rows={known.resources.filter(({ quiet }) => quiet === null || quiet === "unconfirmed")}
            keyOf={(one) => one.urn}
            empty="Nothing differs from the state in a way that counts."
            columns={[
              { label: "Resource", cell: (one) => one.name },
              { label: "Type", cell: (one) => one.resourceType },
              { label: "What", cell: (one) => (one.quiet === null ? CLASSES[one.class] : "not found once") },
              { label: "Properties", wide: true, cell: (one) => <Properties of={one} /> },
            ]}
          />
          {known.quiet > 0 && (
            <Text size="sm" c="dimmed" my="xs">
              {known.quiet} more differ in ways that count for nothing: {quietOf(known)}.
            </Text>
          )}
          <RawDrift stack={stack} check={known.id} />
        </section>
      )}
      <section aria-labelledby="quiet">
        <Title order={2} size="h4" id="quiet" mb="xs">
          What is quiet
        </Title>
        <Quiet stack={stack} />
      </section>
      <section aria-labelledby="drift-history">
        <Title order={2} size="h4" id="drift-history" mb="xs">
          History
        </Title>
        <ClosedAlerts stack={stack} />
      </section>
      <PagedTable
        query={checks}
        caption="Drift checks"
        keyOf={(one) => one.id}
        empty={
          <>
            Never checked. <code>slipway drift run</code> checks now and changes nothing.
          </>
        }
        columns={[
          { label: "Checked", cell: (one) => <Age at={one.checkedAt} /> },
          { label: "Result", cell: (one) => <Status value={one.status} /> },
          { label: "Found", wide: true, cell: (one) => one.cause ?? foundBy(one) },
          { label: "By", cell: (one) => one.schedule ?? ASKED[one.kind] },
          {
            label: "Run",
            cell: (one) => (
              <Link to="/deployments/$id" params={{ id: one.deploymentId }}>
                deployment
              </Link>
            ),
          },
        ]}
      />
    </Column>
  );
}

function Properties({
  of: { changedProperties, sealedProperties },
}: {
  of: DriftCheck["resources"][number];
}) {
  return (
    <>
      {changedProperties
        .map((property) => (sealedProperties.includes(property) ? `${property} (sealed)` : property))
        .join(", ")}
    </>
  );
}

const ASKED = { whole: "a person", birth: "the update before", "second-read": "the check before" } as const;

const WHY_QUIET = {
  form: "the same value in another form",
  baseline: "so since the update",
  volatile: "moving by itself",
  ignored: "ignored by a rule",
} as const;

/** "2 the same value in another form, 1 ignored by a rule" */
function quietOf({ resources }: DriftCheck): string {
  const counts = new Map<string, number>();
  for (const { quiet } of resources)
    if (quiet !== null && quiet !== "unconfirmed")
      counts.set(WHY_QUIET[quiet], (counts.get(WHY_QUIET[quiet]) ?? 0) + 1);
  return [...counts].map(([why, count]) => `${count} ${why}`).join(", ");
}

function foundBy({ gone, inputChanged, outputOnly }: DriftCheck): string {
  return `${gone} gone, ${inputChanged} changed, ${outputOnly} with other outputs only`;
}

/** One line for the top of a stack's page; nothing for a stack that nobody checks. */
export function DriftLine({ stack }: { stack: StackPath }) {
  const { data } = useQuery(queries.drift(useClient(), stack));
  if (data === undefined || (data.latest === null && data.next === null && data.overdue === null))
    return null;
  return (
    <Text size="sm" className="inline">
      <Link to="/stacks/$organisation/$project/$stack" params={stack} search={{ tab: "drift" }}>
        Drift
      </Link>
      {data.latest === null ? (
        "not checked yet"
      ) : (
        <>
          <Status value={data.latest.status} />
          {data.openAlerts > 0 && <span>{data.openAlerts} alerts open</span>}
          <Age at={data.latest.checkedAt} />
        </>
      )}
      {data.overdue !== null && <Status value="overdue" />}
      {data.next !== null && (
        <span>
          next check <time dateTime={data.next.at}>{exactTime(data.next.at)}</time>
        </span>
      )}
    </Text>
  );
}
