import { Stack as Column, Text, Title } from "@mantine/core";
import type { DriftCheck, StackPath } from "@slipway/automation/contract";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { DataTable } from "../components/DataTable.tsx";
import { Loading } from "../components/Loading.tsx";
import { PagedTable } from "../components/PagedTable.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { Status } from "../components/Status.tsx";
import { queries } from "../queries.ts";

const CLASSES = { gone: "gone", "input-changed": "changed", "output-only": "other outputs only" } as const;

/** What the newest drift check found, resource by resource, and all checks before it. */
export function DriftPanel({ stack }: { stack: StackPath }) {
  const client = useClient();
  const read = useQuery(queries.drift(client, stack));
  const checks = useInfiniteQuery(queries.driftChecks(client, stack));
  if (read.data === undefined)
    return read.error === null ? <Loading what="the drift checks" /> : <ProblemAlert error={read.error} />;
  const { latest, lastKnown } = read.data;
  const known = latest?.status === "unknown" ? lastKnown : latest;
  return (
    <Column gap="lg">
      {latest?.status === "unknown" && (
        <Text>
          <Status value="unknown" /> The newest check could not be made: {latest.cause}
        </Text>
      )}
      {known !== null && (
        <section aria-labelledby="differences">
          <Title order={2} size="h4" id="differences" mb="xs">
            What differs from state {known.state ?? "(none)"}
          </Title>
          <DataTable
            caption="Resources that differ"
            rows={known.resources}
            keyOf={(one) => one.urn}
            empty="Nothing differs from the state."
            columns={[
              { label: "Resource", cell: (one) => one.name },
              { label: "Type", cell: (one) => one.resourceType },
              { label: "What", cell: (one) => CLASSES[one.class] },
              { label: "Properties", wide: true, cell: (one) => <Properties of={one} /> },
            ]}
          />
        </section>
      )}
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
          { label: "By", cell: (one) => one.schedule ?? "a person" },
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

function foundBy({ gone, inputChanged, outputOnly }: DriftCheck): string {
  return `${gone} gone, ${inputChanged} changed, ${outputOnly} with other outputs only`;
}

/** One line for the top of a stack's page; nothing for a stack that nobody checks. */
export function DriftLine({ stack }: { stack: StackPath }) {
  const { data } = useQuery(queries.drift(useClient(), stack));
  if (data === undefined || (data.latest === null && data.next === null)) return null;
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
          <Age at={data.latest.checkedAt} />
        </>
      )}
      {data.next !== null && (
        <span>
          next check <time dateTime={data.next.at}>{new Date(data.next.at).toLocaleString()}</time>
        </span>
      )}
    </Text>
  );
}
