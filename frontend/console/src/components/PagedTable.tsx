import { Button, Stack } from "@mantine/core";
import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { type Column, DataTable } from "./DataTable.tsx";
import { Loading } from "./Loading.tsx";
import { ProblemAlert } from "./ProblemAlert.tsx";

interface Page<Row> {
  readonly items: readonly Row[];
  readonly next: string | null;
}

/** A table of a paged list with its loading, empty and error states, and a button for more. */
export function PagedTable<Row>({
  query,
  ...table
}: {
  query: UseInfiniteQueryResult<InfiniteData<Page<Row>>>;
  caption: string;
  columns: readonly Column<Row>[];
  keyOf: (row: Row) => string;
  empty: ReactNode;
}) {
  const rows = query.data?.pages.flatMap((page) => page.items);
  return (
    <Stack gap="md" align="stretch">
      {query.error !== null && <ProblemAlert error={query.error} />}
      {rows !== undefined && <DataTable {...table} rows={rows} />}
      {rows === undefined && query.error === null && <Loading what={table.caption} />}
      {query.hasNextPage && (
        <Button
          variant="default"
          loading={query.isFetchingNextPage}
          onClick={() => {
            void query.fetchNextPage();
          }}
        >
          Show more
        </Button>
      )}
    </Stack>
  );
}
