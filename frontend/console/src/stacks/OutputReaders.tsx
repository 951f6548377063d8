import { Stack as Column, Title } from "@mantine/core";
import type { StackPath } from "@slipway/automation/contract";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useClient } from "../api.ts";
import { Age } from "../components/Age.tsx";
import { DataTable } from "../components/DataTable.tsx";
import { Loading } from "../components/Loading.tsx";
import { ProblemAlert } from "../components/ProblemAlert.tsx";
import { queries } from "../queries.ts";

/** Whose programs have read the stack's outputs by a StackReference, and whose may. */
export function OutputReaders({ stack }: { stack: StackPath }) {
  const read = useQuery(queries.readers(useClient(), stack));
  return (
    <section aria-labelledby="readers">
      <Title order={2} size="h4" id="readers" mb="xs">
        Who reads these outputs
      </Title>
      {read.error !== null && <ProblemAlert error={read.error} />}
      {read.data === undefined && read.error === null && <Loading what="who reads them" />}
      {read.data !== undefined && (
        <Column gap="lg">
          <DataTable
            caption="Programs that have read them"
            rows={read.data.reads}
            keyOf={(one) => `${JSON.stringify(one.reader)} ${one.principal}`}
            columns={[
              { label: "Stack", wide: true, cell: (one) => <Reader stack={one.reader} /> },
              { label: "As", cell: (one) => one.principal },
              { label: "Times", cell: (one) => one.times },
              { label: "Last", cell: (one) => <Age at={one.lastAt} /> },
            ]}
            empty="Nobody's program has read them."
          />
          <DataTable
            caption="Stacks whose deployments may read them"
            rows={read.data.allowed}
            keyOf={(one) => `${one.organisation}/${one.project}/${one.stack}`}
            columns={[
              { label: "Stack", wide: true, cell: (one) => <Reader stack={one} /> },
              { label: "Allowed by", cell: (one) => one.grantedBy },
              { label: "When", cell: (one) => <Age at={one.grantedAt} /> },
            ]}
            empty="No other stack's deployments may read them."
          />
        </Column>
      )}
    </section>
  );
}

function Reader({ stack }: { stack: StackPath | null }) {
  if (stack === null) return <>not known, or of another organisation</>;
  const { organisation, project, stack: name } = stack;
  return (
    <Link
      to="/stacks/$organisation/$project/$stack"
      params={{ organisation, project, stack: name }}
      search={{ tab: "history" }}
    >
      {organisation === "default" ? "" : `${organisation}/`}
      {project}/{name}
    </Link>
  );
}
