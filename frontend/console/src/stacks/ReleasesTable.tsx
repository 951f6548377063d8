import { Button } from "@mantine/core";
import { formatBytes } from "@slipway/automation/client";
import type { Release, StackPath } from "@slipway/automation/contract";
import { useInfiniteQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import type { Column } from "../components/DataTable.tsx";
import { PagedTable } from "../components/PagedTable.tsx";
import { Source } from "../components/Source.tsx";
import { Status } from "../components/Status.tsx";
import { PromoteDialog } from "../promotions/PromoteDialog.tsx";
import { queries } from "../queries.ts";
import { QuarantineDialog } from "./QuarantineDialog.tsx";

/** The releases of a stack with what each pins. */
export function ReleasesTable({
  stack,
  currentRelease,
}: {
  stack: StackPath;
  currentRelease: number | null;
}) {
  const [promoted, setPromoted] = useState<Release | null>(null);
  const [refused, setRefused] = useState<Release | null>(null);
  return (
    <>
      <PagedTable
        query={useInfiniteQuery(queries.releases(useClient(), stack))}
        caption="Releases, newest first"
        keyOf={(one) => one.id}
        columns={columnsOf(currentRelease, setPromoted, setRefused)}
        empty="No releases yet. A deployment that completes records one."
      />
      <PromoteDialog stack={stack} release={promoted} onClose={() => setPromoted(null)} />
      <QuarantineDialog stack={stack} release={refused} onClose={() => setRefused(null)} />
    </>
  );
}

function columnsOf(
  currentRelease: number | null,
  promote: (release: Release) => void,
  refuse: (release: Release) => void,
): Column<Release>[] {
  return [
    {
      label: "Release",
      cell: (one) => (
        <span className="inline">
          <Link to="/deployments/$id" params={{ id: one.deploymentId }}>
            {one.number}
          </Link>
          {one.number === currentRelease && <span>(current)</span>}
        </span>
      ),
    },
    {
      label: "Health",
      cell: (one) => (
        <span className="inline">
          <Status value={one.health} />
          {one.quarantined && <Status value="quarantined" />}
        </span>
      ),
    },
    {
      label: "Why",
      wide: true,
      cell: (one) => one.message ?? originOf(one) ?? "–",
    },
    { label: "Source", cell: (one) => <Source release={one} /> },
    {
      label: "Artifacts",
      cell: (one) =>
        one.artifacts.length === 0
          ? "–"
          : one.artifacts
              .map((artifact) => `${artifact.name} (${formatBytes(artifact.sizeBytes)})`)
              .join(", "),
    },
    { label: "By", cell: (one) => one.requestedBy },
    { label: "When", cell: (one) => <Age at={one.createdAt} /> },
    {
      label: "Next",
      cell: (one) =>
        one.quarantined ? (
          "–"
        ) : (
          <span className="inline">
            {one.health === "good" && (
              <Button size="compact-sm" variant="default" onClick={() => promote(one)}>
                Promote…
              </Button>
            )}
            <Button size="compact-sm" variant="default" onClick={() => refuse(one)}>
              Quarantine…
            </Button>
          </span>
        ),
    },
  ];
}

function originOf({ rollbackOf, promotedFrom }: Release): string | null {
  if (rollbackOf !== null) return `Rollback to release ${rollbackOf}`;
  return promotedFrom === null
    ? null
    : `Promoted from ${promotedFrom.stack}, release ${promotedFrom.release}`;
}
